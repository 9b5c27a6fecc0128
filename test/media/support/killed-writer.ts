import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { packagerOf } from "../../support/media-workers.ts";
import type { RunningServer } from "../../support/server.ts";
import { eventually } from "./pages.ts";

/** A recording as the API lists it. */
export interface Listed {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly seconds: number;
  readonly container: string;
  readonly url: string;
}

/** The recordings of a stream, oldest first. */
export async function listRecordings(server: RunningServer, stream: string): Promise<readonly Listed[]> {
  const response = await fetch(`${server.url}/api/v1/recordings?stream=${stream}`);
  return ((await response.json()) as { recordings: Listed[] }).recordings;
}

/** What the machine's ffprobe reads of a file; undefined where there is no ffprobe. Throws for a file that it can't read. */
export function probe(path: string): { codec_name: string; nb_read_frames?: string }[] | undefined {
  const options = ["-v", "error", "-count_frames", "-show_streams", "-of", "json", path];
  try {
    return JSON.parse(execFileSync("ffprobe", options, { encoding: "utf8", stdio: "pipe" })).streams;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Kills the process that writes a stream's recording, once the newest file is so many ms long, and resolves when another one writes. Answers
 * the time of the kill (Unix, ms) and the file that was open.
 */
export async function killWriter(
  server: RunningServer,
  stream: string,
  length: number,
): Promise<{ readonly at: number; readonly id: string }> {
  let open: Listed | undefined;
  await eventually(async () => {
    open = (await listRecordings(server, stream)).at(-1);
    return open !== undefined && Date.now() - Date.parse(open.from) > length && open.seconds > 0;
  }, 60_000);
  const pid = packagerOf(server.pid);
  if (pid === undefined || open === undefined) throw new Error("nobody writes");
  const { id } = open;
  process.kill(pid, "SIGKILL");
  const at = Date.now();
  await eventually(async () => (await listRecordings(server, stream)).at(-1)?.id !== id, 60_000);
  return { at, id };
}

/** How many ms a file lacks of what was sent before the kill, and how many pictures it has; undefined without ffprobe. `scratch`: a path to write to. */
export async function whatIsLeft(
  server: RunningServer,
  stream: string,
  { at, id }: { readonly at: number; readonly id: string },
  scratch: string,
): Promise<{ readonly lost: number; readonly pictures: number | undefined }> {
  const file = (await listRecordings(server, stream)).find((one) => one.id === id);
  if (file === undefined) throw new Error(`the recording ${id} is gone`);
  writeFileSync(scratch, new Uint8Array(await (await fetch(new URL(file.url, server.url))).arrayBuffer()));
  try {
    const video = probe(scratch)?.[0];
    return { lost: at - Date.parse(file.to), pictures: video && Number(video.nb_read_frames ?? 0) };
  } finally {
    rmSync(scratch);
  }
}
