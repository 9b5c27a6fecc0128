import type { Check } from "../check.ts";
import { callChecks } from "./calls.ts";
import { frameChecks } from "./frames.ts";
import { handshakeChecks } from "./handshake.ts";
import { httpChecks } from "./http.ts";
import { linkChecks } from "./link.ts";
import { moveChecks } from "./moves.ts";
import { negotiationChecks } from "./negotiation.ts";
import { peopleChecks } from "./people.ts";
import { privacyChecks } from "./privacy.ts";
import { recoveryChecks } from "./recovery.ts";
import { roomChecks } from "./rooms.ts";
import { streamChecks } from "./streams.ts";

/** Every check, in the order of docs/protocol.md. */
export const allChecks: readonly Check[] = [
  ...frameChecks,
  ...linkChecks,
  ...handshakeChecks,
  ...privacyChecks,
  ...callChecks,
  ...negotiationChecks,
  ...moveChecks,
  ...recoveryChecks,
  ...streamChecks,
  ...peopleChecks,
  ...roomChecks,
  ...httpChecks,
];

/** Rules that no client can see broken from outside within a reasonable time, and why. */
export const notObservable: Readonly<Record<string, string>> = {
  A1: "checked through A2 and A3; the grammar has property tests",
  F9: "order of admission shows in L7, N1 and M1",
  L17: "shows in L4",
  L22: "a duty of the client; every check watches that seq is contiguous",
  L25: "a duty of the client",
  L26: "needs a socket that is not read: test/bad-input",
  S14: "shows in S3",
  S29: "needs the application: test/webrtc/placed-calls.test.ts",
  N7: "shows in N1",
  B2: "needs media: src/media/streams/core-sessions.test.ts",
  B4: "needs media: src/media/streams/core-sessions.test.ts",
  B7: "needs media: src/signaling/stream/streams.test.ts",
  B8: "needs media: test/media/whep-extensions.test.ts and test/browser/page-live.test.ts choose layers",
  R9: "needs a node that dies: the tests of rooms across nodes",
  V3: "shows in N2",
  V4: "of logs",
  V5: "of storage",
};
