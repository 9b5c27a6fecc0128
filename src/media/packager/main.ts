import type { ToPackager } from "../packaging.ts";
import { Packager } from "./packager.ts";

// The packager: a process of its own, always on Bun. It lives as long as the channel to the server that started it.
let packager: Packager | undefined;

process.on("message", (message) => void obey(message as ToPackager));
process.on("disconnect", () => void end());
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

async function obey(message: ToPackager): Promise<void> {
  if (message.type === "start") packager = new Packager(message, () => void end());
  else if (message.type === "take") packager?.take(message);
  else if (message.type === "push") packager?.push(message);
  else if (message.type === "unpush") packager?.endPush(message.push);
  else if (message.type === "leave") packager?.leave(message.take);
  else await end();
}

async function end(): Promise<void> {
  const ending = packager;
  packager = undefined;
  await ending?.stop();
  process.exit(0);
}
