/** What of an answer would overrun the memory of a libpeer device, or what it could not read; undefined where all is well. */
export function unsafeIn(sdp: string): string | undefined {
  const lines = sdp.split("\r\n");
  if (lines.pop() !== "" || sdp.replaceAll("\r\n", "").includes("\n")) return "line ends";
  const long = lines.find((line) => Buffer.byteLength(line) > 200);
  if (long !== undefined) return `a long line: ${long}`;
  const candidates = lines.filter((line) => line.startsWith("a=candidate:"));
  if (candidates.length > 10) return `${candidates.length} candidates`;
  if (new Set(candidates.map((line) => line.split(" ")[0])).size < candidates.length)
    return "a foundation stands twice";
  const odd = candidates.find(
    (line) => !/^a=candidate:\d{1,2} 1 udp \d{1,10} \S{1,45} \d{1,5} typ (host|srflx|relay)( |$)/.test(line),
  );
  if (odd !== undefined) return `a candidate: ${odd}`;
  const request = JSON.stringify({ jsonrpc: "2.0", id: 2 ** 31 - 1, method: "answer", params: sdp });
  if (Buffer.byteLength(request) > 3_600) return `${Buffer.byteLength(request)} bytes`;
  const prints = lines.filter((line) => line.startsWith("a=fingerprint:"));
  return prints.length === 1 && /^a=fingerprint:sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(prints[0] ?? "")
    ? undefined
    : `fingerprints: ${prints}`;
}
