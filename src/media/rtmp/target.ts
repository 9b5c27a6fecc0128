/** Where a stream is pushed to by RTMP. `key` is a secret, and `app` may hold one. */
export interface RtmpTarget {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly app: string;
  readonly key: string;
}

const [plainPort, tlsPort] = [1_935, 443];
/** Host, port, application and key. */
const form =
  /^rtmp(s)?:\/\/([\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::(\d{1,5}))?\/([^\s#?]{1,1024})\/([^\s#/?]{1,1024}(?:\?[^\s#]{1,1024})?)$/i;

/**
 * Reads `rtmp://HOST/APP/KEY` or `rtmps://…`: what follows the last slash is the stream key. Undefined for anything else, also for an
 * address with a user name or a fragment.
 */
export function parseRtmpTarget(text: string): RtmpTarget | undefined {
  const [, secure, host = "", port, app = "", key = ""] = form.exec(text) ?? [];
  const number = port === undefined ? (secure === undefined ? plainPort : tlsPort) : Number(port);
  if (host === "" || number < 1 || number > 65_535) return undefined;
  return { tls: secure !== undefined, host: host.replace(/^\[|\]$/g, ""), port: number, app, key };
}
