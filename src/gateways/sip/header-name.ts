/** The spelling of known headers. */
const written = [
  "Via",
  "From",
  "To",
  "Call-ID",
  "CSeq",
  "Contact",
  "Max-Forwards",
  "Content-Type",
  "Content-Length",
  "Content-Encoding",
  "Content-Disposition",
  "Accept",
  "Allow",
  "Allow-Events",
  "Authorization",
  "Date",
  "Event",
  "Expires",
  "Info-Package",
  "Min-Expires",
  "Min-SE",
  "P-Asserted-Identity",
  "Proxy-Authenticate",
  "Proxy-Authorization",
  "Proxy-Require",
  "RAck",
  "Reason",
  "Record-Route",
  "Recv-Info",
  "Refer-To",
  "Referred-By",
  "Request-Disposition",
  "Require",
  "Retry-After",
  "Route",
  "RSeq",
  "Server",
  "Session-Expires",
  "Subject",
  "Subscription-State",
  "Supported",
  "Timestamp",
  "Unsupported",
  "User-Agent",
  "Warning",
  "WWW-Authenticate",
] as const;

/** The compact forms (RFC 3261 §20, RFC 4028, 6665, 3515, 3892, 3841). */
const compact: Readonly<Record<string, (typeof written)[number]>> = {
  v: "Via",
  f: "From",
  t: "To",
  i: "Call-ID",
  m: "Contact",
  c: "Content-Type",
  l: "Content-Length",
  e: "Content-Encoding",
  k: "Supported",
  s: "Subject",
  u: "Allow-Events",
  o: "Event",
  x: "Session-Expires",
  r: "Refer-To",
  b: "Referred-By",
  d: "Request-Disposition",
};

/** Headers that are lists, separated by commas (RFC 3261 §7.3.1). Credentials and challenges have commas but are no lists. */
const lists = new Set(
  [
    "Via",
    "Contact",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Allow",
    "Allow-Events",
    "Content-Encoding",
    "P-Asserted-Identity",
    "Proxy-Require",
    "Reason",
    "Record-Route",
    "Recv-Info",
    "Require",
    "Route",
    "Supported",
    "Unsupported",
    "Warning",
  ].map((name) => name.toLowerCase()),
);

const keys = new Map<string, string>();
const names = new Map<string, string>();
for (const name of written) {
  const key = name.toLowerCase();
  keys.set(name, key);
  keys.set(key, key);
  names.set(key, name);
}
for (const [short, name] of Object.entries(compact)) {
  keys.set(short, name.toLowerCase());
  keys.set(short.toUpperCase(), name.toLowerCase());
}

/** The key of a header: its long name in lower case. */
export function headerKey(name: string): string {
  return keys.get(name) ?? compactOrLower(name.toLowerCase());
}

/** The spelling of a header with this key. Unknown ones stay as they came. */
export function headerName(key: string, asItCame: string): string {
  return names.get(key) ?? asItCame;
}

/** True for headers with several values in one line. */
export function isListHeader(key: string): boolean {
  return lists.has(key);
}

function compactOrLower(lower: string): string {
  return keys.get(lower) ?? lower;
}
