import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../support/free-port.ts";
import { eventually } from "./parties.ts";

const modules = "/usr/lib/baresip/modules";

/** baresip as a desk phone: SIP over TCP, ICE, DTLS-SRTP, Opus; a tone for a microphone, and no loudspeaker. */
export class Baresip {
  /** What happened, by name: `CALL_ESTABLISHED` … */
  readonly events: string[] = [];
  /** What it printed: its log, and every SIP message. */
  log = "";
  readonly #folder: string;
  readonly #child: ChildProcess;
  #control: Socket | undefined;

  /** Starts it; resolves when it has registered as `user` of development mode. */
  static async start(sipPort: number, user: string, answers: "auto" | "manual" = "auto"): Promise<Baresip> {
    const controlPort = await freePort();
    const phone = new Baresip(sipPort, user, controlPort, answers);
    try {
      await eventually("baresip", () => phone.#reach(controlPort));
      await eventually("baresip to register", async () => phone.log.includes("200 OK"));
    } catch (error) {
      await phone.stop();
      throw new Error(phone.log, { cause: error });
    }
    return phone;
  }

  private constructor(sipPort: number, user: string, controlPort: number, answers: "auto" | "manual") {
    this.#folder = mkdtempSync(join(tmpdir(), "switchboard-baresip-"));
    const write = (name: string, lines: readonly string[]) =>
      writeFileSync(join(this.#folder, name), `${lines.join("\n")}\n`);
    const domain = `127.0.0.1:${sipPort}`;
    write("accounts", [
      `<sip:${user}@${domain};transport=tcp>;auth_user=${user};auth_pass=dev:${user};outbound="sip:${domain};transport=tcp";mediaenc=dtls_srtp;medianat=ice;regint=600;answermode=${answers}`,
    ]);
    write("contacts", []);
    write("config", [
      "poll_method epoll",
      "sip_listen 127.0.0.1:0",
      "audio_source ausine,400",
      // ausine speaks in stereo only.
      ...["ausrc_srate 48000", "auplay_srate 48000", "ausrc_channels 2", "auplay_channels 2"],
      "rtcp_mux yes",
      `module_path ${modules}`,
      ...["opus", "ausine", "aufile", "ice", "dtls_srtp"].map((name) => `module ${name}.so`),
      ...["uuid", "account"].map((name) => `module_tmp ${name}.so`),
      ...["menu", "ctrl_tcp"].map((name) => `module_app ${name}.so`),
      `ctrl_tcp_listen 127.0.0.1:${controlPort}`,
    ]);
    this.#child = spawn("stdbuf", ["-oL", "baresip", "-f", this.#folder, "-s", "-v"], {
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
          for (const [, name] of String(bytes).matchAll(/"event":true,"type":"(\w+)"/g))
            this.events.push(name ?? "");
        });
        resolve(true);
      });
    });
  }
}
