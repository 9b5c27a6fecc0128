import type { Cause, Found } from "./finding.ts";
import { countOf, type End, everHad, type RecordView, seconds } from "./view.ts";

interface Rule extends Cause {
  find(view: RecordView): Found | undefined;
}

/** How long after the answer both descriptions are there, on a slow network too. ms */
const descriptionPatience = 3_000;

/** A device that could not open its camera or microphone: why it did not answer. */
export const mediaRules: readonly Rule[] = [
  {
    code: "media_refused",
    meaning: "A person or the system refused the camera or the microphone.",
    proof: "A report with `refusedMedia` and `NotAllowedError` or `SecurityError`.",
    advice:
      "Allow it in the browser's site settings and in the system's privacy settings; the page must be served by https.",
    find: (view) => mediaError(view, /^(NotAllowed|Security)Error$/, "was not allowed to use its"),
  },
  {
    code: "media_missing",
    meaning: "The device has no camera or microphone that fits.",
    proof: "A report with `refusedMedia` and `NotFoundError` or `OverconstrainedError`.",
    advice: "Plug one in, or call without it; constraints such as an exact width may fit no camera.",
    find: (view) => mediaError(view, /^(NotFound|Overconstrained)Error$/, "has no fitting"),
  },
  {
    code: "media_in_use",
    meaning: "Another program has the camera or the microphone.",
    proof: "A report with `refusedMedia` and `NotReadableError` or `AbortError`.",
    advice: "Close other programs that use it.",
    find: (view) => mediaError(view, /^(NotReadable|Abort)Error$/, "could not open its"),
  },
];

/** Why the media of a call that was answered did not come to stand. */
export const pathRules: readonly Rule[] = [
  {
    code: "no_common_codec",
    meaning: "The ends have no codec in common, or one can't use the other's offer.",
    proof: "The reason is `incompatible`, or every media section of an answer is rejected.",
    advice: "Compare the codecs in the rows of offer and answer; offer Opus, and VP8 or H.264.",
    find: (view) => {
      const rejected = view.rows(
        ({ description }) =>
          description !== undefined &&
          description.type !== "offer" &&
          description.media.length > 0 &&
          description.media.every(({ direction }) => direction === "rejected"),
      );
      if (view.record.reason === "incompatible" || (rejected.length > 0 && !view.connected)) {
        const rows = [
          ...view.rows(
            ({ description, note }) => description?.type === "offer" || note?.startsWith("refused") === true,
          ),
          ...rejected,
        ];
        return {
          certainty: rejected.length > 0 ? "certain" : "likely",
          text: `${view.caller} and ${view.callee} can't use each other's media: no common codec.`,
          rows: rows.slice(0, 8),
        };
      }
      return undefined;
    },
  },
  {
    code: "no_description",
    meaning: "The call was answered, and an offer or an answer never came.",
    proof: "No row carries a description of that type.",
    advice: "A page that fails before `setLocalDescription` sends none: look at the console of that device.",
    find: (view) => {
      if (!view.noPath || view.record.kind !== "call" || view.record.skippedRows > 0) return undefined;
      const has = (type: string) => view.rows(({ description }) => description?.type === type).length > 0;
      const foreign = view.ends.some(({ leg }) => leg?.protocol !== "native");
      if (foreign || (has("offer") && has("answer"))) return undefined;
      const { acceptedAt = 0, endedAt = acceptedAt } = view.record;
      // It may have been on its way.
      if (endedAt - acceptedAt < descriptionPatience) return undefined;
      const missing = has("offer") ? "answer" : "offer";
      return {
        certainty: "certain",
        text: `No ${missing} came.`,
        rows: view.rows(({ type }) => type === "accepted" || type === "confirm"),
      };
    },
  },
  {
    code: "fingerprint_mismatch",
    meaning:
      "The certificate is not the one that the description named: somebody changed the description, or stands between.",
    proof:
      "DTLS failed, and the end's report names another fingerprint in `fingerprints` than the other end's report or last description has; or a report with `dtlsError` `fingerprint-failure`.",
    advice: "Look at what rewrites descriptions between the devices; take it seriously.",
    find: (view) => {
      const end =
        view.ends.find(({ leg }) => leg?.last?.dtlsError === "fingerprint-failure") ??
        (view.connected
          ? undefined
          : view.ends.find((one) => view.ends.some((other) => wasNamedAnother(one, other))));
      return (
        end && {
          certainty: "certain",
          text: `${end.name} got another certificate than the one that was announced.`,
          rows: reportRows(view, end),
        }
      );
    },
  },
  {
    code: "dtls_failed",
    meaning: "ICE found a path, and the DTLS handshake on it failed or timed out.",
    proof: "A report with `dtls` `failed`, or `connecting` while ICE is connected and the connection failed.",
    advice:
      "Packets larger than the path's MTU are lost, or a firewall drops DTLS: try TURN over TLS. It may be a changed fingerprint as well.",
    find: (view) => {
      if (view.connected || view.endedOtherwise) return undefined;
      const end = view.ends.find(({ leg }) => {
        const { dtls, ice, state } = leg?.last ?? {};
        if (dtls === "failed") return true;
        return (
          dtls === "connecting" &&
          (ice === "connected" || ice === "completed") &&
          (state === "failed" || view.isOver)
        );
      });
      return (
        end && {
          // Not every browser tells a wrong fingerprint from a handshake that timed out.
          certainty: "likely",
          text: `${end.name} has a path, and DTLS did not finish on it.`,
          rows: reportRows(view, end),
        }
      );
    },
  },
  {
    code: "turn_credentials",
    meaning: "TURN answered 401: wrong or expired credentials.",
    proof: "A report with `iceErrors` of code 401, or a row from `turn` with `401`.",
    advice:
      "Look whether `turn.secret` is the same at the TURN server, and at the clocks of both; long calls need a `refresh`.",
    find: (view) => turnError(view, [401, 438], "TURN refused the credentials of"),
  },
  {
    code: "turn_quota",
    meaning:
      "TURN answered 486 or 508: the user has as many allocations as it may, or the server has no port left.",
    proof: "A report with `iceErrors` of code 486 or 508, or such a row from `turn`.",
    advice: "Raise `turn.limits`, or find pages that never close their connections.",
    find: (view) => turnError(view, [486, 508], "TURN had no relay left for"),
  },
  {
    code: "turn_peer_denied",
    meaning: "TURN answered 403: it relays to no such address.",
    proof:
      "A report with `iceErrors` of code 403, or a row from `turn` with `403`: for an address that `turn.denyPeers` names, or where the other end has none beyond its own network.",
    advice: "Private addresses are denied by default; name those that are yours in `turn.allowPeers`.",
    find: (view) => turnError(view, [403], "TURN denied a peer of"),
  },
  {
    code: "udp_blocked",
    meaning: "A network lets no UDP through.",
    proof:
      "An end gathered no candidate by UDP beyond its own network, though it asked STUN: a report with `iceErrors` of code 701 for `stun:`. Also where STUN has not answered in 6 s.",
    advice: "Offer TURN over TCP and TLS on port 443 (`turn.tlsPort`, or the port of HTTPS).",
    find: (view) => {
      if (view.connected || view.endedOtherwise) return undefined;
      const ends = view.ends.filter(
        (one) =>
          one.gatheringKnown &&
          !everHad(one, "srflx") &&
          countOf(one, "relay", "udp") === 0 &&
          errors(one, [701]).some(({ url }) => url.startsWith("stun:")),
      );
      if (ends.length === 0) return undefined;
      return {
        certainty: "likely",
        text: `${namesOf(ends)} ${ends.length === 1 ? "reaches" : "reach"} nothing by UDP.`,
        rows: ends.flatMap(({ name }) => view.candidateRows(name)).slice(0, 8),
      };
    },
  },
  {
    code: "turn_unreachable",
    meaning: "The TURN server did not answer.",
    proof:
      "A report with `iceErrors` of code 701 for `turn:` or `turns:`, and no relay candidate, though STUN answered or was not asked.",
    advice:
      "A firewall blocks it, or the address is wrong: `switchboard doctor` tries it; offer TURN over TLS on port 443.",
    find: (view) => {
      if (view.connected || view.endedOtherwise) return undefined;
      const ends = view.ends.filter(
        (one) => !everHad(one, "relay") && errors(one, [701]).some(({ url }) => /^turns?:/.test(url)),
      );
      if (ends.length === 0) return undefined;
      return {
        certainty: "likely",
        text: `${namesOf(ends)} got no answer from TURN, and no relay candidate.`,
        rows: ends.flatMap(({ name }) => view.candidateRows(name)).slice(0, 8),
      };
    },
  },
  {
    code: "no_candidates",
    meaning: "An end sent no candidates at all.",
    proof: "No candidate in its rows, and it said that there are no more, or the call ended without.",
    advice: 'Its network is off, or `iceTransportPolicy: "relay"` without a TURN server that works.',
    find: (view) => {
      if (!view.noPath || view.record.kind !== "call" || view.record.skippedRows > 0) return undefined;
      const end = view.ends.find(
        ({ gathered, gatheringKnown, leg }) =>
          Object.keys(gathered).length === 0 &&
          leg?.protocol === "native" &&
          (gatheringKnown || leg.states.length > 0),
      );
      return (
        end && {
          certainty: end.gatheringKnown ? "certain" : "likely",
          text: `${end.name} sent no candidates.`,
          rows: view.rows(({ from, description }) => from === end.name && description !== undefined),
        }
      );
    },
  },
  {
    code: "only_mdns",
    meaning: "An end has only host candidates with mDNS names, which nobody outside its network resolves.",
    proof: "All its candidates are `mdns`.",
    advice: "Give it STUN and TURN servers; where it has them, they did not answer.",
    find: (view) => {
      if (!view.noPath) return undefined;
      const end = view.ends.find(
        (one) =>
          countOf(one, "mdns") > 0 && Object.keys(one.gathered).every((name) => name.startsWith("mdns/")),
      );
      return (
        end && {
          certainty: "likely",
          text: `${end.name} has only candidates with mDNS names.`,
          rows: view.candidateRows(end.name),
        }
      );
    },
  },
  {
    code: "no_relay",
    meaning: "No direct path was found, and an end had no relay candidate to fall back on.",
    proof: "The connection failed, and an end gathered no `relay` candidate.",
    advice: "Configure TURN (`turn.embedded`, `turn.external`); `switchboard doctor` tries it.",
    find: (view) => {
      if (!view.failed) return undefined;
      const without = view.ends.filter((end) => !everHad(end, "relay") && end.leg?.protocol === "native");
      if (without.length === 0 || view.ends.length < 2) return undefined;
      return {
        certainty: "likely",
        text: `No direct path was found, and ${namesOf(without)} had no relay candidate.`,
        rows: without.flatMap(({ name }) => view.candidateRows(name)).slice(0, 8),
      };
    },
  },
  {
    code: "ice_failed",
    meaning: "Both ends had candidates, and no pair of them worked.",
    proof: "An end reports `failed`, and both have relay candidates.",
    advice:
      "The relay may not reach the other end: look at `turn.allowPeers` and the firewall of the TURN server.",
    find: (view) =>
      view.failed
        ? {
            certainty: "likely",
            text: `No pair of candidates worked between ${namesOf(view.ends)}.`,
            rows: view.rows(({ state }) => state === "failed"),
          }
        : undefined,
  },
  {
    code: "hung_up_before_media",
    meaning: "Somebody hung up before media flowed, and nothing had failed by then.",
    proof: "The reason is `hangup`, no end reports `connected`, none `failed`.",
    advice: "Where it took long, look how many round trips and candidates the ladder shows before the end.",
    find: (view) => {
      if (!view.noPath || view.record.reason !== "hangup" || view.record.kind !== "call") return undefined;
      const { acceptedAt = 0, endedAt = acceptedAt } = view.record;
      if (view.ends.some(({ leg }) => leg?.protocol !== "native")) return undefined;
      return {
        certainty: "likely",
        text: `The call was hung up ${seconds(endedAt - acceptedAt)} after the answer, before media was connected.`,
        rows: view.endRows,
      };
    },
  },
];

/** DTLS failed, and one end was told of another certificate than the other one has. */
function wasNamedAnother({ leg: one }: End, { leg: other, fingerprint: own }: End): boolean {
  if (one === other || ![one, other].some((leg) => leg?.last?.dtls === "failed")) return false;
  const [, named = ""] = one?.last?.fingerprints ?? [];
  // Of different algorithms nothing can be said.
  const [algorithm = ""] = own.split(" ");
  return algorithm !== "" && named.startsWith(`${algorithm} `) && named !== own;
}

function namesOf(ends: readonly End[]): string {
  return ends.map(({ name }) => name).join(" and ");
}

function errors({ leg }: End, codes: readonly number[]): readonly { url: string; code: number }[] {
  return (leg?.last?.iceErrors ?? []).filter(
    ({ code, text = "" }) => codes.includes(code) && !notTried.test(text),
  );
}

/** How browsers say that a server can't be asked from one of their own addresses, which is no matter of the network. */
const notTried = /incompatible|not associated/i;

function turnError(view: RecordView, codes: readonly number[], text: string): Found | undefined {
  // A device asks for several relays. Where it got one, it had what it needed.
  const served = new Set(
    view.record.ladder.flatMap(({ from, to, type, outcome }) =>
      from === "turn" && type === "allocate" && outcome === "ok" ? [to] : [],
    ),
  );
  const refusesPeer = codes.includes(403);
  const rows = view.rows(
    ({ from, to, outcome, note }) =>
      from === "turn" &&
      codes.includes(Number(outcome)) &&
      (refusesPeer ? note === "configured" || isReachedAtHomeAlone(view, to) : !served.has(to)),
  );
  const end = view.ends.find((one) => errors(one, codes).length > 0);
  if (end === undefined && rows.length === 0) return undefined;
  // With another path it is worth knowing, and no cause.
  if (view.connected || view.endedOtherwise) return undefined;
  const name = end?.name ?? view.record.ladder[rows[0] ?? 0]?.to ?? "a device";
  // With another relay, or where nothing has failed, it may have been something else.
  // Anybody may send TURN a wrong password under that name.
  const isProven = end !== undefined || rows.some((row) => view.record.ladder[row]?.note !== "credentials");
  const isCertain = view.failed && isProven && (end === undefined || countOf(end, "relay") === 0);
  const [error] = end === undefined ? [] : errors(end, codes);
  return {
    certainty: isCertain ? "certain" : "likely",
    text: `${text} ${name}${error === undefined ? "" : ` (${error.code}, ${error.url})`}.`,
    rows,
  };
}

/**
 * Whether the peer of that device has addresses of its own network alone. TURN denies those by default, and where the peer
 * has others, a denial of these is no matter.
 */
function isReachedAtHomeAlone(view: RecordView, name: string): boolean {
  const peer = view.ends.find((end) => end.name !== name);
  return peer === undefined || (!everHad(peer, "relay") && !everHad(peer, "srflx"));
}

/** A cause while the call rang, or where nothing failed after it; else worth knowing. */
function mediaError(view: RecordView, kind: RegExp, text: string): Found | undefined {
  const isBeside = view.accepted && (view.connected || view.failed);
  for (const leg of view.record.legs) {
    const { audio, video } = leg.last?.refusedMedia ?? {};
    const what = [
      audio !== undefined && kind.test(audio) && "microphone",
      video !== undefined && kind.test(video) && "camera",
    ].filter((one) => one !== false);
    if (what.length > 0)
      return {
        ...(isBeside && { beside: true as const }),
        certainty: isBeside || !view.accepted ? "certain" : "likely",
        text: `${leg.user}/${leg.device} ${text} ${what.join(" and ")}.`,
        rows: view.rows(({ from, type }) => type === "report" && from === `${leg.user}/${leg.device}`),
      };
  }
  return undefined;
}

function reportRows(view: RecordView, end: End): number[] {
  return view.rows(({ from, type }) => type === "report" && from === end.name);
}
