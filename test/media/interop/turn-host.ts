import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../../support/end-with-us.ts";
import { forward } from "./forward.ts";

const forwarder = fileURLToPath(new URL("forward.ts", import.meta.url));

/** A host of its own: a network namespace whose one interface is the far end of `veth1`. */
export interface TurnHost {
  /** What a program's command begins with to run there. */
  readonly command: readonly string[];
  stop(): void;
}

/**
 * Makes a host at 10.77.0.2 that reaches one port of 10.77.0.1, that of TURN by UDP: its kernel drops whatever else it sends. HTTP of 127.0.0.1 comes to its own
 * loopback under the same port, by a Unix socket, for a server in development mode serves its own machine only. The interface is called `eth0`: libnice
 * takes none whose name begins with `veth`. Rejects without root, iproute2 or nftables.
 */
export async function startHost(httpPort: number, turnPort: number): Promise<TurnHost> {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-host-"));
  const holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
  endWithUs(holder);
  const command = ["nsenter", "--target", `${holder.pid}`, "--net"];
  const run = (words: string) => execFileSync("sh", ["-c", words], { stdio: "pipe" });
  // The namespace is there a moment after the process.
  const of = (process: string | number) => `"$(readlink /proc/${process}/ns/net)"`;
  run(`until [ ${of(holder.pid ?? 0)} != ${of("self")} ]; do sleep 0.05; done`);
  run(`ip link set veth1 netns ${holder.pid} name eth0`);
  for (const words of [
    "ip link set lo up",
    "ip address add 10.77.0.2/24 dev eth0",
    "ip link set eth0 up",
    "ip route add default via 10.77.0.1",
    "nft add table inet turn",
    "nft 'add chain inet turn out { type filter hook output priority 0; policy drop; }'",
    "nft add rule inet turn out oif lo accept",
    `nft add rule inet turn out ip daddr 10.77.0.1 udp dport ${turnPort} accept`,
    // What is sent before the kernel has noticed that both ends are up is lost.
    "sh -c 'until ip -oneline link show dev eth0 | grep -q \"state UP\"; do sleep 0.05; done'",
  ])
    run(`${command.join(" ")} ${words}`);
  const path = join(folder, "http.sock");
  const outside = await forward(path, httpPort);
  const [program = "", ...args] = [...command, process.execPath, forwarder, `${httpPort}`, path];
  const inside = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  endWithUs(inside);
  await once(inside.stdout, "data");
  return {
    command,
    stop: () => {
      inside.kill("SIGKILL");
      holder.kill("SIGKILL");
      outside.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
