import { api } from "./api.ts";
import { cluster } from "./cluster.ts";
import { guestTokens } from "./guest-tokens.ts";
import { http } from "./http.ts";
import { media } from "./media.ts";
import { mqtt } from "./mqtt.ts";
import { peerjs } from "./peerjs.ts";
import { push } from "./push.ts";
import { records } from "./records.ts";
import type { Part } from "./service.ts";
import { sip } from "./sip.ts";
import { turn } from "./turn.ts";
import { xmpp } from "./xmpp.ts";

/**
 * What a server is made of. Parts start in this order and stop in the reverse one. HTTP requests are offered to them in this order: the
 * last one answers what no other does.
 */
export const parts: readonly Part[] = [
  cluster,
  records,
  push,
  turn,
  sip,
  peerjs,
  mqtt,
  xmpp,
  media,
  guestTokens,
  api,
  http,
];
