import { type PeerRule, peerRules } from "./peer-policy.ts";
import type { QuotaRule } from "./quotas.ts";

const otherRules = [
  // requests that got an error
  "bad_request",
  "unauthenticated",
  "stale_nonce",
  "wrong_credentials",
  "unknown_attribute",
  "allocation_mismatch",
  "address_family",
  "transport",
  "quota_device",
  "quota_user",
  "quota_address",
  "quota_guests",
  "quota_guest_address",
  "quota_total",
  "permissions",
  "channels",
  "no_port",
  "reservation",
  // messages that were dropped without an answer
  "malformed",
  "unanswered",
  "no_permission",
  "no_channel",
  "rate",
  "total_rate",
  "backpressure",
  "connections",
  "connection_timeout",
  "send_failed",
] as const;

/** Why something was refused or dropped: the fixed set of values of a metric's label. */
export type Rule = (typeof otherRules)[number] | QuotaRule | `peer_${PeerRule}`;
const rules: readonly Rule[] = [...otherRules, ...peerRules.map((rule) => `peer_${rule}` as const)];

/** Counters of a TURN server, since it started. */
export class TurnStats {
  /** By rule. All rules are present. */
  readonly refused = Object.fromEntries(rules.map((rule) => [rule, 0])) as Record<Rule, number>;
  bindings = 0;
  allocationsOpened = 0;
  /** Payload from clients to peers. Hairpinned payload counts in both directions. */
  toPeerMessages = 0;
  toPeerBytes = 0;
  toClientMessages = 0;
  toClientBytes = 0;
  hairpinMessages = 0;

  refuse(rule: Rule): void {
    this.refused[rule]++;
  }

  /** A copy of the current numbers. */
  copy(): TurnCounters {
    return {
      refused: { ...this.refused },
      bindings: this.bindings,
      allocationsOpened: this.allocationsOpened,
      toPeerMessages: this.toPeerMessages,
      toPeerBytes: this.toPeerBytes,
      toClientMessages: this.toClientMessages,
      toClientBytes: this.toClientBytes,
      hairpinMessages: this.hairpinMessages,
    };
  }
}

/** {@link TurnStats} as values. */
export type TurnCounters = Readonly<Omit<TurnStats, "refuse" | "copy">>;
