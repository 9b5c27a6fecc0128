import type { RecordLeg } from "../record.ts";
import type { Cause, Found } from "./finding.ts";
import { type RecordView, seconds } from "./view.ts";

interface Rule extends Cause {
  find(view: RecordView): Found | undefined;
}

const nameOf = ({ user, device }: RecordLeg): string => `${user}/${device}`;

/** Why a call was refused, or rang and was not answered. */
export const ringingRules: readonly Rule[] = [
  {
    code: "refused_by_hook",
    meaning: "The application's `authorize` hook said no.",
    proof: "A row to `hook` with the outcome `refused`.",
    advice: "Look at what the hook answered: the row has its reason.",
    find: (view) => {
      const rows = view.rows(({ to, outcome }) => to === "hook" && outcome === "refused");
      const note = rows[0] === undefined ? undefined : view.record.ladder[rows[0]]?.note;
      if (rows.length === 0) return undefined;
      return {
        certainty: "certain",
        text: `The application refused the call of ${view.caller}${note === undefined ? "" : `: ${note}`}.`,
        rows,
      };
    },
  },
  {
    code: "hook_failed",
    meaning: "A hook of the application threw, did not answer in time, or answered nonsense.",
    proof: "A row to `hook` with an outcome other than `ok` and `refused`.",
    advice: "Look at the application's log at that time; `hooks.timeout` says how long it has.",
    find: (view) => {
      const rows = view.rows(
        ({ to, outcome }) => to === "hook" && !["ok", "refused", undefined].includes(outcome),
      );
      const text = "The application's hook threw, did not answer in time, or answered nonsense.";
      return rows.length === 0 ? undefined : { certainty: "certain", text, rows };
    },
  },
  {
    code: "not_allowed",
    meaning: "The caller's token does not allow this call.",
    proof: "The call was answered `forbidden`, without a hook.",
    advice: 'Give the token the grant, such as `call: ["bob"]`.',
    find: (view) =>
      refusedWith(
        view,
        ["forbidden"],
        (caller, callee) => `${caller}'s token has no grant to call ${callee}.`,
      ),
  },
  {
    code: "token_expired",
    meaning: "A device's token expired, and the device did not bring a fresh one.",
    proof:
      "The call was answered `token_expired`, or the reason is `lost` after a row `close` with the note `token_expired`.",
    advice: "Refresh tokens before they expire; look at the clocks of the token server and of this one.",
    find: (view) =>
      refusedWith(view, ["token_expired", "unauthorized"], (caller) => `${caller}'s token had expired.`) ??
      closedForToken(view),
  },
  {
    code: "over_limit",
    meaning: "A limit of the server refused the call.",
    proof: "The call was answered `rate_limited`, `too_many_…`, `too_large` or `media_full`.",
    advice:
      "Look which limit it was in `switchboard_limit_hits_total`; raise it in `limits`, or find out why the client asks so often.",
    find: (view) =>
      refusedWith(
        view,
        [
          "rate_limited",
          "too_many_requests",
          "too_many_rings",
          "too_many_sessions",
          "too_large",
          "media_full",
        ],
        (caller, _callee, code) => `A limit refused the call of ${caller} (${code}).`,
      ),
  },
  {
    code: "server_busy",
    meaning: "The server could not take the call just then: it drained, or other nodes were out of reach.",
    proof: "The call was answered `temporary` or `internal`.",
    advice: "Clients try again by themselves; where it lasts, look at `/health/ready` and the log.",
    find: (view) =>
      refusedWith(
        view,
        ["temporary", "internal", "outcome_unknown"],
        (_caller, _callee, code) => `The server could not take the call (${code}).`,
      ),
  },
  {
    code: "bad_request",
    meaning: "The request was wrong: an address, a field, a description.",
    proof: "The call was answered with an error that no other cause names.",
    advice: "The error's text names the field; docs/errors.md explains the code.",
    find: (view) =>
      view.record.state === "refused"
        ? { certainty: "certain", text: `The call was refused: ${view.record.reason}.`, rows: [0] }
        : undefined,
  },
  {
    code: "caller_not_reached",
    meaning: "The application connects two users, and the devices of the caller did not take the call.",
    proof:
      "The call was placed by the API, and no device of the caller has accepted, though it was its turn.",
    advice:
      "Look at the caller's rows of the ladder: no device rang, it declined, or nobody answered. The callee's devices were not what it depended on.",
    find: (view) => {
      const { placed, legs, reason } = view.record;
      if (placed === undefined || view.accepted || !view.isOver) return undefined;
      const accepted = (side: string) =>
        legs.some((leg) => leg.side === side && leg.acceptedAt !== undefined);
      const waited = accepted("callee");
      if (accepted("caller") || (placed === "to" && !waited)) return undefined;
      const who = waited
        ? `${view.callee} answered, and the devices of ${view.caller}`
        : `${view.caller}'s devices`;
      return { certainty: "certain", text: `${who} did not take the call: ${reason}.`, rows: view.endRows };
    },
  },
  {
    code: "not_there",
    meaning: "The callee had no device online, and none came while it could have rung.",
    proof: "The reason is `unreachable` or `no_answer`, and no device was rung.",
    advice:
      "Register a push for the user's devices, so that they are woken; look at whether the device's link was lost before.",
    find: (view) => {
      const { reason } = view.record;
      if (view.callees.length > 0 || view.accepted) return undefined;
      if (reason !== "unreachable" && reason !== "no_answer" && reason !== "cancelled") return undefined;
      if (view.rows(({ to }) => to === "push").length > 0) return undefined;
      return {
        certainty: reason === "cancelled" ? "likely" : "certain",
        text: `${view.callee} had no device online to ring.`,
        rows: view.endRows,
      };
    },
  },
  {
    code: "went_offline",
    meaning: "A device rang, and was closed or lost before anybody answered.",
    proof: "The reason is `unreachable`, and a device was rung.",
    advice:
      "The page or app was closed, or its network was gone. Register a push for the device, so that it is woken.",
    find: (view) => {
      const rung = view.callees.filter((leg) => leg.rungAt !== undefined);
      if (view.record.reason !== "unreachable" || rung.length === 0) return undefined;
      return {
        certainty: "certain",
        text: `${rung.map(nameOf).join(", ")} rang and went offline before anybody answered.`,
        rows: [...view.rows(({ type }) => type === "incoming"), ...view.endRows].slice(0, 8),
      };
    },
  },
  {
    code: "push_failed",
    meaning: "The callee's device sleeps, and the push that wakes it was not taken.",
    proof: "A row to `push` with an outcome other than `ok`.",
    advice:
      "404 and 410: the registration is gone, the app registers again when it starts. 401, 403: the keys of the push service are wrong.",
    find: (view) => {
      const rows = view.rows(({ to, outcome }) => to === "push" && outcome !== "ok" && outcome !== undefined);
      if (rows.length === 0 || view.accepted) return undefined;
      return { certainty: "certain", text: `The push that wakes a device of ${view.callee} failed.`, rows };
    },
  },
  {
    code: "push_late",
    meaning: "The device was woken, and came too late or not at all.",
    proof: "A push was taken, and no device was rung within the ring's time.",
    advice:
      "Send pushes with high priority; let the call ring longer; look at the battery settings of the device.",
    find: (view) => {
      const rows = view.rows(({ to, outcome }) => to === "push" && outcome === "ok");
      if (rows.length === 0 || view.accepted || !view.isOver) return undefined;
      if (view.callees.some((leg) => leg.alertingAt !== undefined)) return undefined;
      return {
        certainty: "likely",
        text: `A push was sent to ${view.callee}, and no device came in time.`,
        rows,
      };
    },
  },
  {
    code: "busy",
    meaning: "The callee's devices were in other calls.",
    proof: "The reason is `busy`.",
    advice: "Nothing is wrong. `maxSessions` of the device says how many calls it takes at once.",
    find: (view) =>
      view.record.reason === "busy" && !view.accepted
        ? { certainty: "certain", text: `${view.callee} was in another call.`, rows: view.endRows }
        : undefined,
  },
  {
    code: "declined",
    meaning: "A person declined.",
    proof: "The reason is `declined`, by a `decline` that no machine sent.",
    advice: "Nothing is wrong.",
    find: (view) => {
      if (view.record.reason !== "declined") return undefined;
      const leg = view.callees.find((one) => one.reason !== undefined && one.automatic !== true);
      const where = leg === undefined ? view.callee : nameOf(leg);
      const machine = view.callees.some((one) => one.automatic === true);
      return leg === undefined && machine
        ? undefined
        : { certainty: "certain", text: `${where} declined.`, rows: view.endRows };
    },
  },
  {
    code: "declined_by_device",
    meaning: "A device declined by itself: do not disturb, no microphone, an app that may not ring.",
    proof: "`decline` with `automatic`, and no device was left.",
    advice: "Look at what the app does on `incoming`, and at the device's settings.",
    find: (view) => {
      const legs = view.callees.filter((leg) => leg.automatic === true);
      if (legs.length === 0 || view.accepted || view.record.reason === "cancelled") return undefined;
      return {
        certainty: "certain",
        text: `${legs.map(nameOf).join(", ")} declined without asking anybody (${legs[0]?.reason}).`,
        rows: view.rows(({ type }) => type === "decline"),
      };
    },
  },
  {
    code: "glare",
    meaning: "Both called each other; the calls were merged.",
    proof: "The reason is `merged`.",
    advice: "Nothing is wrong: the other call goes on.",
    find: (view) =>
      view.record.reason === "merged"
        ? {
            certainty: "certain",
            text: `${view.callee} called ${view.caller} at the same time; that call goes on.`,
            rows: view.rows(({ type }) => type === "crossed"),
          }
        : undefined,
  },
  {
    code: "not_alerted",
    meaning: "Devices were told of the call, and none said that it alerts its person.",
    proof: "`incoming` without `ringing`, from devices that say when they ring.",
    advice:
      "The page or app was frozen or in the background, or its `incoming` handler failed: look at its console.",
    find: (view) => {
      if (view.accepted || !view.isOver || !["no_answer", "cancelled"].includes(view.record.reason ?? ""))
        return undefined;
      const rung = view.callees.filter((leg) => leg.rungAt !== undefined);
      if (rung.length === 0 || rung.some((leg) => leg.alertingAt !== undefined || leg.protocol !== "native"))
        return undefined;
      return {
        certainty: "likely",
        text: `${rung.map(nameOf).join(", ")} got the call and never said that it rings.`,
        rows: view.rows(({ type }) => type === "incoming"),
      };
    },
  },
  {
    code: "no_answer",
    meaning: "A device rang, and nobody answered.",
    proof: "The reason is `no_answer`, and a device was alerting.",
    advice: "Nothing is wrong with the connection.",
    find: (view) => {
      const rang = view.callees.filter((leg) => leg.rungAt !== undefined);
      if (view.record.reason !== "no_answer" || rang.length === 0) return undefined;
      const { startedAt, endedAt = startedAt } = view.record;
      return {
        certainty: "certain",
        text: `${rang.map(nameOf).join(", ")} rang for ${seconds(endedAt - startedAt)} and was not answered.`,
        rows: [...view.rows(({ type }) => type === "ringing" || type === "180"), ...view.endRows].slice(0, 8),
      };
    },
  },
  {
    code: "caller_gave_up",
    meaning: "The caller hung up before anybody answered.",
    proof: "The reason is `cancelled`.",
    advice:
      "Nothing is wrong with the connection. Where it happens soon after the call, the caller's page may have been closed.",
    find: (view) => {
      if (view.record.reason !== "cancelled") return undefined;
      const { startedAt, endedAt = startedAt } = view.record;
      return {
        certainty: "certain",
        text: `${view.caller} gave up after ${seconds(endedAt - startedAt)}.`,
        rows: view.endRows,
      };
    },
  },
  {
    code: "not_confirmed",
    meaning: "The callee answered, and the caller's device did not confirm.",
    proof: "The reason is `unconfirmed`.",
    advice: "The caller's link was lost at that moment, or its page was frozen: look at its console.",
    find: (view) =>
      view.record.reason === "unconfirmed"
        ? {
            certainty: "certain",
            text: `${view.callee} answered, and ${view.caller}'s device did not confirm in time.`,
            rows: view.rows(({ type }) => type === "accept" || type === "accepted"),
          }
        : undefined,
  },
];

/** The server closed the link of a device whose token had expired, and the device was not heard again. */
function closedForToken(view: RecordView): Found | undefined {
  const { reason, ladder } = view.record;
  if (reason !== "lost") return undefined;
  const at = ladder.findLastIndex(({ type, note }) => type === "close" && note === "token_expired");
  const device = ladder[at]?.to;
  if (device === undefined || ladder.slice(at).some(({ from }) => from === device)) return undefined;
  return {
    certainty: "certain",
    text: `The token of ${device} had expired, and it did not come back with another one.`,
    rows: [at],
  };
}

function refusedWith(
  view: RecordView,
  codes: readonly string[],
  say: (caller: string, callee: string, code: string) => string,
): Found | undefined {
  const { state, reason = "" } = view.record;
  if (state !== "refused" || !codes.includes(reason)) return undefined;
  return { certainty: "certain", text: say(view.caller, view.callee, reason), rows: [0] };
}
