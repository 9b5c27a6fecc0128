import { Type } from "typebox";
import { type SettingsOf, secretTexts, text } from "../shared/setting.ts";
import { parseNatsUrl } from "./nats-url.ts";

/** What joins this node to others. */
export const natsSettings = {
  nats: Type.Object(
    {
      url: secretTexts(
        "NATS servers, such as `nats://10.0.0.5:4222`; `tls://` asks for TLS, and `user:password@` or `token@` may stand before the host. Empty: this node is alone.",
      ),
      creds: text("", "Path of a `.creds` file of NATS (JWT and seed)."),
      nkey: text("", "Path of a file with the seed of an NKey."),
      tls: Type.Object(
        {
          ca: text(
            "",
            "Path of the certificate authorities (PEM) that NATS is trusted by. Empty: the system's.",
          ),
          cert: text("", "Path of our own certificate (PEM), for servers that ask for one."),
          key: text("", "Path of its private key (PEM)."),
        },
        { description: "TLS to NATS; any of these asks for it." },
      ),
      prefix: text("sbnode", "First token of every subject: two clusters on one NATS need two."),
    },
    { description: "What joins the nodes of a cluster: docs/cluster.md." },
  ),
};

/** Two beats of a node may be lost or late. ms */
const leastNodeSilence = 6_000;

/** What of other settings depends on whether there are other nodes. */
interface WithOthers extends SettingsOf<typeof natsSettings> {
  readonly ticketKey: string;
  readonly tokens: { readonly secret: string };
  readonly workers: number;
  readonly limits: { readonly nodeSilence: number };
}

/** One line about the first of them that makes no sense, or undefined. */
export function checkNats({ nats, ticketKey, tokens, workers, limits }: WithOthers): string | undefined {
  // A URL may hold a password: it is not shown.
  const wrong = nats.url.findIndex((url) => parseNatsUrl(url) === undefined);
  if (wrong >= 0)
    return `setting nats.url: the ${ordinal(wrong)} is no nats: or tls: URL, such as nats://10.0.0.5:4222`;
  if (limits.nodeSilence < leastNodeSilence)
    return `setting limits.nodeSilence: must be at least ${leastNodeSilence}; nodes send a beat every two seconds`;
  if (!/^[\w-]{1,64}$/.test(nats.prefix))
    return "setting nats.prefix: must have 1 to 64 letters, digits, _ or -";
  if (nats.tls.cert !== "" && nats.tls.key === "")
    return "setting nats.tls.key: missing, though nats.tls.cert is set";
  if (nats.tls.key !== "" && nats.tls.cert === "")
    return "setting nats.tls.cert: missing, though nats.tls.key is set";
  if (workers > 1 && nats.url.length === 0)
    return "setting workers: needs nats.url (NATS_URL): workers reach each other over NATS, see docs/cluster.md";
  // The workers of one machine are given one.
  if (nats.url.length > 0 && ticketKey === "" && tokens.secret === "" && workers === 1)
    return "setting ticketKey: missing, though nats.url is set and there is no tokens.secret to derive it from: every node needs the same; `openssl rand -base64 32` makes one";
  return undefined;
}

function ordinal(index: number): string {
  return ["first", "second", "third"][index] ?? `${index + 1}th`;
}
