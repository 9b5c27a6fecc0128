import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../support/free-port.ts";
import { eventually } from "./parties.ts";

const modules = "/usr/lib/baresip/modules";
export interface BaresipOptions {
  readonly answers?: "auto" | "manual";
  /** Of its microphone, in Hz. */
  readonly tone?: number;
  /** How long a registration is to last, s. It registers again a little earlier: it finds a server again by that alone. */
  readonly lasts?: number;
  /** Its loudspeaker; it has none without. */
  readonly speaker?: { readonly server: string; readonly name: string };
}

/** baresip as a desk phone: SIP over TCP, ICE, DTLS-SRTP, Opus and G.711; a tone for a microphone. */
export class Baresip {
  /** What happened, by name: `CALL_ESTABLISHED` … */
  readonly events: string[] = [];
  /** Why its last call ended, in its own words. */
  closed: string | undefined;
  /** What it printed: its log, and every SIP message. */
  log = "";
  readonly #folder: string;
  readonly #child: ChildProcess;
  #control: Socket | undefined;

  /** Starts it; resolves when it has registered as `user` of development mode. */
  static async start(sipPort: number, user: string, options: BaresipOptions = {}): Promise<Baresip> {
    const controlPort = await freePort();
    const phone = new Baresip(sipPort, user, controlPort, options);
    try {
      await eventually("baresip", () => phone.#reach(controlPort));
      await eventually("baresip to register", async () => phone.log.includes("200 OK"));
    } catch (error) {
      await phone.stop();
      throw new Error(phone.log, { cause: error });
    }
    return phone;
  }

  private constructor(sipPort: number, user: string, controlPort: number, options: BaresipOptions) {
    const { answers = "auto", tone = 400, lasts = 600, speaker } = options;
    this.#folder = mkdtempSync(join(tmpdir(), "switchboard-baresip-"));
    const write = (name: string, lines: readonly string[]) =>
      writeFileSync(join(this.#folder, name), `${lines.join("\n")}\n`);
    const domain = `127.0.0.1:${sipPort}`;
    write("accounts", [
      `<sip:${user}@${domain};transport=tcp>;auth_user=${user};auth_pass=dev:${user};outbound="sip:${domain};transport=tcp";mediaenc=dtls_srtp;medianat=ice;regint=${lasts};answermode=${answers}`,
    ]);
    write("contacts", []);
    write("config", [
      "poll_method epoll",
      "sip_listen 127.0.0.1:0",
      `audio_source ausine,${tone}`,
      ...(speaker === undefined ? [] : ["audio_player alsa,speaker"]),
      // ausine speaks in stereo only.
      ...["ausrc_srate 48000", "auplay_srate 48000", "ausrc_channels 2", "auplay_channels 2"],
      "rtcp_mux yes",
      `module_path ${modules}`,
      ...["opus", "g711", "ausine", "aufile", "alsa", "ice", "dtls_srtp"].map((name) => `module ${name}.so`),
      ...["uuid", "account"].map((name) => `module_tmp ${name}.so`),
      ...["menu", "ctrl_tcp"].map((name) => `module_app ${name}.so`),
      `ctrl_tcp_listen 127.0.0.1:${controlPort}`,
    ]);
    const { server, name } = speaker ?? {};
    write("asound.conf", [`pcm.speaker { type pulse server "${server}" device "${name}" }`]);
    this.#child = spawn("stdbuf", ["-oL", "baresip", "-f", this.#folder, "-s", "-v"], {
      env: { ...process.env, ALSA_CONFIG_PATH: join(this.#folder, "asound.conf") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (bytes) => {
        this.log += bytes;
      });
  }

  call(to: string): void {
    this.#command("dial", `sip:${to}@invalid`);
  }

  accept(): void {
    this.#command("accept");
  }

  hangup(): void {
    this.#command("hangup");
  }

  decline(): void {
    this.#command("hangup");
  }

  hold(on: boolean): void {
    this.#command(on ? "hold" : "resume");
  }

  /** The username fragment of ICE in the last description that it sent, or heard; empty where there was none. */
  ufrag(direction: "sent" | "heard"): string {
    const messages = this.log.split(/^TCP /m).slice(1);
    // It registers from the port that its messages go from.
    const own = messages[0]?.split(" ")[0];
    const last = messages.findLast(
      (text) => text.includes("\na=ice-ufrag:") && text.startsWith(`${own} `) === (direction === "sent"),
    );
    return /\na=ice-ufrag:(\S+)/.exec(last ?? "")?.[1] ?? "";
  }

  /** Bits a second of sound that reach it now, deciphered. */
  get hears(): number {
    return Number(
      this.log
        .match(/audio=\d+\/(\d+) \(bit\/s\)/g)
        ?.at(-1)
        ?.match(/\/(\d+)/)?.[1] ?? 0,
    );
  }

  async stop(): Promise<void> {
    this.#control?.destroy();
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null) await gone;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Netstrings of JSON, both ways. */
  #command(command: string, params?: string): void {
    const text = JSON.stringify({ command, params });
    this.#control?.write(`${text.length}:${text},`);
  }

  #reach(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", () => resolve(false));
      socket.once("connect", () => {
        this.#control = socket;
        socket.on("data", (bytes) => {
          const said = String(bytes).matchAll(/"event":true,"type":"(\w+)"[^}]*?(?:"param":"([^"]*)")?}/g);
          for (const [, name = "", word] of said) {
            this.events.push(name);
            if (name === "CALL_CLOSED") this.closed = word;
          }
        });
        resolve(true);
      });
    });
  }
}
