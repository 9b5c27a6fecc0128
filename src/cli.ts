import { apiKey } from "./commands/api-key.ts";
import { checkConfig } from "./commands/check-config.ts";
import { printCoturnConfig } from "./commands/coturn-config.ts";
import { printCredential } from "./commands/credential.ts";
import { help } from "./commands/help.ts";
import { printRecord } from "./commands/record.ts";
import { streamKey } from "./commands/stream-key.ts";
import { streamLink } from "./commands/stream-link.ts";
import { printToken } from "./commands/token.ts";
import { type CommandLine, parseCommandLine, settingFlags } from "./config/flags.ts";
import { type LoadedSettings, loadSettings } from "./config/load.ts";
import { packageVersion } from "./package-info.ts";
import type { Result } from "./shared/result.ts";

/** Exit codes: 0 done, 1 failed, 2 wrong command line or setting. */
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(args);
  if (!line.ok) return wrong(line.error);
  const { command, flags } = line.value;
  if (flags.has("version")) return say(packageVersion);
  if (flags.has("help") || command === undefined || command === "help") return say(help());
  switch (command) {
    case "serve":
      // What is large is read when it is needed: the small commands answer at once, and so does a wrong setting.
      return await withSettings(line.value, async (settings) => {
        const { serve } = await import("./commands/serve.ts");
        return await serve(settings);
      });
    case "check-config":
      return await withSettings(line.value, checkConfig);
    case "coturn-config":
      return await withSettings(line.value, printCoturnConfig);
    case "doctor":
      return await withSettings(line.value, async (settings) => {
        const { doctor } = await import("./commands/doctor.ts");
        return await doctor(settings);
      });
    case "api-key":
      return apiKey(line.value);
    case "credential":
      return printCredential(line.value);
    case "record":
      return await printRecord(line.value);
    case "listen": {
      const { listen } = await import("./commands/listen.ts");
      return await listen(line.value);
    }
    case "stream-key":
      return streamKey(line.value);
    case "stream-link":
      return streamLink(line.value);
    case "token":
      return await printToken(line.value);
    default:
      return wrong(`there is no command ${command}; see switchboard --help`);
  }
}

async function withSettings(
  line: CommandLine,
  run: (settings: LoadedSettings) => number | Promise<number>,
): Promise<number> {
  const settings: Result<LoadedSettings, string> = loadSettings({
    flags: settingFlags(line),
    env: process.env,
  });
  return settings.ok ? await run(settings.value) : wrong(settings.error);
}

function say(text: string): number {
  console.log(text);
  return 0;
}

function wrong(text: string): number {
  console.error(`switchboard: ${text}`);
  return 2;
}
