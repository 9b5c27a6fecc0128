import type { PushOf } from "../../protocol/pushes.ts";

export const pidfType = "application/pidf+xml";

/** A user's presence as a document (RFC 3863): one tuple for each device, or a closed one. */
export function pidf(entity: string, { devices }: Pick<PushOf<"presence">, "online" | "devices">): string {
  const tuples = devices.map(
    ({ device, status }) =>
      `<tuple id="${escapeXml(device)}"><status><basic>open</basic></status>${status === undefined ? "" : `<note>${escapeXml(status)}</note>`}</tuple>`,
  );
  if (tuples.length === 0) tuples.push('<tuple id="none"><status><basic>closed</basic></status></tuple>');
  return `<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${escapeXml(entity)}">${tuples.join("")}</presence>\r\n`;
}

/** What XML 1.0 has no form for, not even escaped (§2.2). */
const unwritable = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** The text with what XML can't hold left out, and everything else escaped. */
function escapeXml(text: string): string {
  return text
    .replaceAll(unwritable, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\r", "&#13;");
}
