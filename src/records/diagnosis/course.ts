import type { Cause, Found } from "./finding.ts";
import { type End, type RecordView, seconds } from "./view.ts";

interface Rule extends Cause {
  find(view: RecordView): Found | undefined;
}

/** What happened to a call that was connected, and why it ended. */
export const courseRules: readonly Rule[] = [
  {
    code: "one_way_audio",
    meaning: "One end sends sound, and the other gets none.",
    proof:
      "A report with `packets.audio`: the far end has sent, this end has received none, or less than a twentieth.",
    advice: "A firewall drops one direction, or the sender's microphone is muted by the system.",
    find: (view) => oneWay(view, "audio"),
  },
  {
    code: "one_way_video",
    meaning: "One end sends a picture, and the other gets none.",
    proof:
      "A report with `packets.video`: the far end has sent, this end has received none, or less than a twentieth.",
    advice: "A firewall drops one direction; look at the codecs of the answer.",
    find: (view) => oneWay(view, "video"),
  },
  {
    code: "node_died",
    meaning: "A server died during the call, and the call was found again.",
    proof: "A `session` push that says `recovered`.",
    advice: "The call went on. Look why that node ended.",
    find: (view) => {
      const rows = view.rows(({ type, note }) => type === "session" && note === "recovered");
      return rows.length === 0
        ? undefined
        : {
            certainty: "likely",
            text: "A server or a link ended during the call, and the call was found again.",
            rows,
          };
    },
  },
  {
    code: "server_lost_it",
    meaning: "The server ended, and the session with it.",
    proof: "The end was noted by a later run of the server, or by another node.",
    advice: "Look why the server ended. With two nodes and NATS calls outlive one of them.",
    find: (view) =>
      view.record.reason === "shutdown" ||
      (view.record.reason === "lost" && view.rows(({ note }) => note === "found at start").length > 0)
        ? { certainty: "certain", text: "The server ended during the call.", rows: view.endRows }
        : undefined,
  },
  {
    code: "link_lost",
    meaning: "A device lost its link and did not come back in time.",
    proof: "The reason is `lost`.",
    advice: "The device's network or page was gone. `limits.detachedTimeout` says how long the call waits.",
    find: (view) => {
      if (view.record.reason !== "lost") return undefined;
      const { by } = view.record;
      const who = by === undefined ? "A device" : `${by.user}/${by.device}`;
      return {
        certainty: "certain",
        text: `${who} lost its link and did not come back.`,
        rows: view.rows(({ type, note }) => type === "peer" && note !== "live"),
      };
    },
  },
  {
    code: "signed_out",
    meaning: "A device was signed out, or its permission withdrawn, during the call.",
    proof: "The reason is `forbidden`.",
    advice: "An operator or the application did it: the audit says who.",
    find: (view) =>
      view.record.reason === "forbidden"
        ? { certainty: "certain", text: "A device was signed out during the call.", rows: view.endRows }
        : undefined,
  },
  {
    code: "page_closed",
    meaning: "A device closed its link: its page or app was closed.",
    proof: "The reason is `closed`.",
    advice: "Nothing is wrong with the connection.",
    find: (view) => {
      if (view.record.reason !== "closed") return undefined;
      const { by } = view.record;
      return {
        certainty: "certain",
        text: `${by === undefined ? "A device" : `${by.user}/${by.device}`} closed its page or app.`,
        rows: view.endRows,
      };
    },
  },
  {
    code: "connection_lost",
    meaning: "Media was connected, and the connection failed later.",
    proof:
      "An end reports `connected` and later `failed`, or the reason is `failed`; *likely*, where an end was not connected for the last 5 s.",
    advice: "A network changed or broke and no restart mended it: look at the `restart` rows.",
    find: (view) => {
      if (!view.connected || !view.isOver) return undefined;
      const broke = view.ends.some(({ leg }) => leg?.states.at(-1) === "failed");
      const isCertain = broke || view.record.reason === "failed";
      if (!isCertain && !view.ends.some((end) => isDown(view, end))) return undefined;
      return {
        certainty: isCertain ? "certain" : "likely",
        text: "The media connection broke during the call.",
        rows: view.rows(({ state }) => state === "failed" || state === "disconnected"),
      };
    },
  },
  {
    code: "network_changed",
    meaning: "A device's network changed, and ICE was restarted.",
    proof: "A `restart` request after media was connected.",
    advice: "Nothing, where the call went on.",
    find: (view) => {
      if (!view.connected || view.record.restarts === 0) return undefined;
      const { restarts } = view.record;
      return {
        certainty: "likely",
        text: `ICE was restarted ${restarts === 1 ? "once" : `${restarts} times`}: a network changed or paused.`,
        rows: view.rows(({ type, to }) => type === "restart" && to === "server"),
      };
    },
  },
  {
    code: "moved",
    meaning: "The call went over to another device of the same user.",
    proof: "A move that was committed.",
    advice: "Nothing is wrong.",
    find: (view) => {
      const [move] = view.record.moves;
      return (
        move && {
          certainty: "certain",
          text: `${move.user} moved the call from ${move.from} to ${move.to}.`,
          rows: view.rows(({ type }) => type === "move" || type === "moved"),
        }
      );
    },
  },
  {
    code: "poor_network",
    meaning: "Packets were lost, or came late.",
    proof: "A report with more than 5 % loss, 400 ms round trip or 60 ms jitter.",
    advice: "Wi-Fi or mobile reception; where it is on a relay, a TURN server nearer to the users.",
    find: (view) => {
      const bad = view.ends.find(
        ({ leg }) =>
          leg !== undefined &&
          ((leg.worst.lossIn ?? 0) > 0.05 || (leg.worst.rtt ?? 0) > 400 || (leg.worst.jitter ?? 0) > 60),
      );
      if (bad?.leg === undefined) return undefined;
      const { lossIn = 0, rtt = 0, jitter = 0 } = bad.leg.worst;
      return {
        certainty: "certain",
        text: `${bad.name} saw up to ${Math.round(lossIn * 100)} % loss, ${Math.round(rtt)} ms round trip and ${Math.round(jitter)} ms jitter.`,
        rows: [],
      };
    },
  },
  {
    code: "slow_setup",
    meaning: "It took more than 5 s from the answer to media.",
    proof: "The times of answer and connection.",
    advice: "Look at the gaps in the ladder: candidates that come late, a relay that answers slowly.",
    find: (view) => {
      const { acceptedAt, connectedAt } = view.record;
      if (acceptedAt === undefined || connectedAt === undefined || connectedAt - acceptedAt <= 5_000)
        return undefined;
      return {
        certainty: "certain",
        text: `Media came ${seconds(connectedAt - acceptedAt)} after the answer.`,
        rows: view.rows(({ state }) => state === "connected"),
      };
    },
  },
  {
    code: "no_fault",
    meaning: "The call was connected and ended as calls do.",
    proof: "It was connected, and somebody hung up.",
    advice: "Nothing is wrong.",
    find: (view) => {
      const { connectedAt, endedAt, reason } = view.record;
      if (
        connectedAt === undefined ||
        endedAt === undefined ||
        !["hangup", "left", "stream_over"].includes(reason ?? "")
      )
        return undefined;
      return {
        certainty: "certain",
        text: `The call was connected for ${seconds(endedAt - connectedAt)} and hung up.`,
        rows: view.endRows,
      };
    },
  },
];

/** Was connected, and for at least 5 s before the end was not: nobody hung up just as ICE was restarted. */
function isDown({ record }: RecordView, { name, leg }: End): boolean {
  const { startedAt, endedAt = startedAt } = record;
  const last = record.ladder.findLast(({ from, state }) => from === name && state !== undefined);
  return (
    leg?.states.includes("connected") === true &&
    (last?.state === "disconnected" || last?.state === "connecting") &&
    endedAt - startedAt - last.at >= 5_000
  );
}

/** How long after the connection packets have had time to arrive, and how much younger the sender's report may be. ms */
const [arrivalPatience, mostYounger] = [2_000, 1_000];

/**
 * Of a kind that the far end has sent 50 packets of, one second of sound, this end has received less than a twentieth. Both must have said so of about the
 * same time: the first report of an end counts nothing yet.
 */
function oneWay(view: RecordView, kind: "audio" | "video"): Found | undefined {
  const [one, other] = view.ends;
  const { connectedAt } = view.record;
  if (one === undefined || other === undefined || connectedAt === undefined) return undefined;
  const [received, sent] = [0, 1] as const;
  const got = ({ leg }: End): number => leg?.last?.packets?.[kind]?.[received] ?? Number.POSITIVE_INFINITY;
  const deaf = (here: End, { leg: far }: End): boolean => {
    const { leg } = here;
    if (leg?.lastAt === undefined || far?.lastAt === undefined) return false;
    const atOneTime = leg.lastAt >= connectedAt + arrivalPatience && far.lastAt <= leg.lastAt + mostYounger;
    const packets = far.last?.packets?.[kind]?.[sent] ?? 0;
    return atOneTime && packets >= 50 && got(here) < packets / 20;
  };
  const [end, far] = deaf(one, other) ? [one, other] : deaf(other, one) ? [other, one] : [];
  return (
    end && {
      // A few may have come by another path, before ICE chose this one.
      certainty: got(end) === 0 ? "certain" : "likely",
      text: `${far?.name} sends ${kind}, and ${end.name} gets ${got(end) === 0 ? "" : "almost "}none.`,
      rows: view.rows(({ from, type }) => type === "report" && (from === one.name || from === other.name)),
    }
  );
}
