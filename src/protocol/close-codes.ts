/**
 * WebSocket close codes of the native protocol. The range says what the client does:
 * 4100–4199 resume the link, 4200–4299 start a new link, 4300–4399 stop.
 */
export const closeCodes = {
  normal: { code: 1000, text: "The client closes its link: its legs end." },
  goingAway: { code: 1001, text: "The page goes away or the server stops; the link may be resumed." },
  slow: { code: 4101, text: "The client reads too slowly; resume." },
  tokenExpired: { code: 4102, text: "The token has expired; resume with a fresh one." },
  drain: { code: 4103, text: "The node is being drained; resume elsewhere." },
  silent: { code: 4104, text: "Nothing was heard for 30 seconds; resume." },
  away: {
    code: 4105,
    text: "The node that may hold a newer link of this device does not answer now; resume.",
  },
  protocolError: {
    code: 4200,
    text: "The client broke a rule of the link (frame, order, acknowledgement); start anew.",
  },
  frameTooLarge: { code: 4201, text: "A frame was over the limit; start anew." },
  helloTimeout: { code: 4202, text: "No hello came in time." },
  tooManyRequests: { code: 4203, text: "The client exceeded its rate by far; start anew, later." },
  overloaded: { code: 4204, text: "A limit of links was reached; try again later." },
  lostFrames: { code: 4205, text: "What another node had for this link was lost with that; start anew." },
  stale: { code: 4300, text: "A newer transport of this link exists; this one stops." },
  replaced: { code: 4301, text: "A newer instance of this device has signed in; this one stops." },
  badResume: { code: 4302, text: "The resume secret or its subject is wrong; this transport stops." },
  unauthorized: { code: 4303, text: "The token was refused; this client stops until it has another one." },
  forbidden: { code: 4304, text: "Origin, host or device is not allowed; stop." },
  kicked: { code: 4305, text: "The application ended this device's links; stop." },
  badHello: {
    code: 4306,
    text: "The hello is not valid, or was not the first frame; the same again will fail: stop.",
  },
} as const satisfies Record<string, { code: number; text: string }>;

export type CloseName = keyof typeof closeCodes;

/** What a client does after a close: same link, new link, or nothing at all. */
export function closeAction(code: number): "resume" | "reconnect" | "stop" {
  if (code >= 4300 && code < 4400) return "stop";
  if (code >= 4200 && code < 4300) return "reconnect";
  return "resume";
}
