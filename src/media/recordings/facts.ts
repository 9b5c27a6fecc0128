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
}

/** The folder of a stream's recordings: a hash, so that no name of a stream is ever a path. */
export function recordingFolder(stream: string): string {
  return Buffer.from(sha256(`recordings of ${stream}`), "base64url")
    .toString("hex")
    .slice(0, 32);
}

/** Where the picture of a recording is kept, by the path of its file. */
export function thumbnailPath(file: string): string {
  return file.replace(/\.\w+$/, ".jpg");
}

export function isRecordingId(text: string): boolean {
  return /^\w{16,32}$/.test(text);
}
