/**
 * How the certificate's fingerprint in an SDP begins (RFC 8122 §5): the algorithm and the first eight bytes, such as `SHA-256 3F:…`. Devices
 * report it and the server reads it from descriptions, so that a diagnosis can compare the two. Undefined where an SDP has none.
 */
export function fingerprintOf(sdp: string): string | undefined {
  return /^a=fingerprint:([\w-]{1,16} [\w:]{23})/m.exec(sdp)?.[1]?.toUpperCase();
}
