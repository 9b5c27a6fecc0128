import { options } from "../config/option.ts";

const usage = `Switchboard: the server that WebRTC applications need beside the browser.

  switchboard serve [settings]         runs the server; without token keys only with --dev
  switchboard token --user alice [--device phone] [--guest] [--grant call=bob --grant join=room:* | --grants all] [--expires 1h]
                                       prints a token signed with tokens.secret
  switchboard credential --user alice [--device desk] [--grant call=bob] [--secret-version 2] [--store]
                                       prints a device's secret: derived from credentials.key, or new with what to store of it
  switchboard api-key NAME [--role look | operate | administer] [--scope devices:read,…] [--for 30d] | --list | --revoke ID
                                       makes, lists or revokes keys of the HTTP API
  switchboard api-key NAME --publishable --target USER --origin https://shop.example.com,… [--for 30d]
                                       makes a key for public pages: their visitors may call that user
  switchboard stream-key NAME | --list | NAME --revoke [--id ID]
                                       makes, lists or revokes keys that publish one stream by WHIP, as OBS Studio does
  switchboard stream-link NAME --view | --publish --for 2h [--url https://live.example.com]
                                       prints a signed link that views (WHEP) or publishes (WHIP) one stream for a while
  switchboard record [SESSION] --admin.port 9090 [--key sbk_…]
                                       prints what became of a call and why: its diagnosis and its ladder; without SESSION the newest ones
  switchboard listen --forward http://localhost:3000/hooks [--events session.*,room.*] [--url …] [--key sbk_…] [--secret whsec_…]
                                       posts the events of a running server to a program of yours, signed as webhooks
  switchboard check-config [settings]  checks the settings and prints them
  switchboard coturn-config [settings] prints a hardened turnserver.conf for coturn in place of the embedded TURN server
  switchboard doctor [settings]        looks for what would keep the server from working
  switchboard --version

Settings come from flags, else the environment, else the file of --config (JSON with comments), else their defaults:
`;

/** What the command line can do. */
export function help(): string {
  const shown = options.filter(({ path }) => !path.startsWith("limits."));
  const lines = shown.map(
    ({ flag, env, schema }) => `  --${flag.padEnd(18)} ${env.at(-1)?.padEnd(32)} ${schema.description}`,
  );
  return `${usage}${lines.join("\n")}\n  --limits.NAME        SWITCHBOARD_LIMITS_NAME          Every bound of the protocol: see docs/config.md`;
}
