import { rename, writeFile } from "node:fs/promises";
import { sha256 } from "../../net/crypto.ts";

/** What is known of a recording, as it stands beside the file. */
export interface RecordingFacts {
  readonly id: string;
  readonly stream: string;
  /** When it begins, Unix time in ms. */
  readonly started: number;
  readonly container: "mp4" | "webm";
  /** As `CODECS` has them. */
  readonly codecs: readonly string[];
  /** Missing while it is being written, or where the server ended meanwhile. */
  readonly seconds?: number;
  readonly bytes?: number;
  /** When the bucket had all of it, Unix time in ms. */
  readonly uploaded?: number;
}

/** The folder of a stream's recordings: a hash, so that no name of a stream is ever a path. */
export function recordingFolder(stream: string): string {
  return Buffer.from(sha256(`recordings of ${stream}`), "base64url")
    .toString("hex")
    .slice(0, 32);
}

/** Writes the facts of a recording beside its file, whole or not at all. */
export async function writeFacts(file: string, facts: RecordingFacts): Promise<void> {
  const path = factsPath(file);
  await writeFile(`${path}.new`, JSON.stringify(facts), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** The name of a recording's object in a bucket, behind the prefix. */
export function objectKey({ stream, id, container }: RecordingFacts): string {
  return `${recordingFolder(stream)}/${id}.${container}`;
}

/** Where the facts of a recording are, by the path of its file. */
export function factsPath(file: string): string {
  return file.replace(/\.\w+$/, ".json");
}

/** Where an upload in parts is noted while it is under way. */
export function uploadPath(file: string): string {
  return file.replace(/\.\w+$/, ".upload");
}

/** Where the index of an MP4 file is kept once the file itself is in the bucket alone. */
export function indexPath(file: string): string {
  return file.replace(/\.\w+$/, ".index");
}

/** Where the picture of a recording is kept, by the path of its file. */
export function thumbnailPath(file: string): string {
  return file.replace(/\.\w+$/, ".jpg");
}

export function isRecordingId(text: string): boolean {
  return /^\w{16,32}$/.test(text);
}
