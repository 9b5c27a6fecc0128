import { type ChildProcess, execFileSync, spawn } from "node:child_process";

/** Names of networks must differ within this process, and from those of others. */
let made = 0;

/**
 * Two hosts, each behind a symmetric NAT of its own, and a host in the open between them: network namespaces of this machine.
 *
 *     left 10.1.0.2 ─ 10.1.0.1 NAT 11.0.0.11 ─┐
 *                                             open 11.0.0.1
 *     right 10.2.0.2 ─ 10.2.0.1 NAT 11.0.0.12 ┘
 */
export class NatNetwork {
  static readonly openAddress = "11.0.0.1";
  readonly #spaces: string[] = [];
  readonly #id = `sb${process.pid % 100_000}n${made++}`;

  /** Undefined, with the reason on standard error, where this can't be had. */
  static make(): NatNetwork | undefined {
    const network = new NatNetwork();
    try {
      execFileSync("nft", ["--version"], { stdio: "pipe" });
      network.#build();
      return network;
    } catch (error) {
      network.remove();
      console.error(`no network namespaces with NAT here: ${(error as Error).message.split("\n")[0]}`);
      return undefined;
    }
  }

  /** The command that runs this one on one of the hosts, or on the NAT before it (`leftnat`, `rightnat`). */
  inside(host: string, ...command: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.#space(host), ...command];
  }

  /** Starts a program on one of the hosts. */
  start(host: "left" | "right" | "open", program: string, args: readonly string[]): ChildProcess {
    const [ip = "", ...rest] = this.inside(host, program, ...args);
    return spawn(ip, rest, { stdio: ["pipe", "pipe", "ignore"] });
  }

  /** Runs a program on one of the hosts to its end. Throws where it fails. */
  run(host: "left" | "right" | "open", program: string, ...args: string[]): void {
    this.#inside(host, program, ...args);
  }

  remove(): void {
    for (const space of this.#spaces.splice(0))
      execFileSync("ip", ["netns", "del", space], { stdio: "pipe" });
  }

  #build(): void {
    for (const name of ["open", "left", "right", "leftnat", "rightnat"]) {
      ip("netns", "add", this.#space(name));
      this.#spaces.push(this.#space(name));
      this.#inside(name, "ip", "link", "set", "lo", "up");
    }
    this.#inside("open", "ip", "link", "add", "br0", "type", "bridge");
    this.#inside("open", "ip", "addr", "add", `${NatNetwork.openAddress}/24`, "dev", "br0");
    this.#inside("open", "ip", "link", "set", "br0", "up");
    this.#side("left", 1);
    this.#side("right", 2);
  }

  #side(name: "left" | "right", number: number): void {
    const nat = `${name}nat`;
    ip(
      "link",
      "add",
      "wan",
      "netns",
      this.#space(nat),
      "type",
      "veth",
      "peer",
      "name",
      name,
      "netns",
      this.#space("open"),
    );
    ip(
      "link",
      "add",
      "lan",
      "netns",
      this.#space(nat),
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      this.#space(name),
    );
    this.#inside("open", "ip", "link", "set", name, "master", "br0", "up");
    for (const [space, device, address] of [
      [nat, "wan", `11.0.0.1${number}/24`],
      [nat, "lan", `10.${number}.0.1/24`],
      [name, "eth0", `10.${number}.0.2/24`],
    ] as const) {
      this.#inside(space, "ip", "addr", "add", address, "dev", device);
      this.#inside(space, "ip", "link", "set", device, "up");
    }
    this.#inside(name, "ip", "route", "add", "default", "via", `10.${number}.0.1`);
    this.#inside(nat, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    // Another port for each destination, and only that destination may answer: what is called a symmetric NAT.
    this.#inside(nat, "nft", "add table ip nat");
    this.#inside(nat, "nft", "add chain ip nat post { type nat hook postrouting priority 100 ; }");
    this.#inside(nat, "nft", "add rule ip nat post oifname wan masquerade fully-random");
    this.#inside(nat, "nft", "add table ip filter");
    this.#inside(nat, "nft", "add chain ip filter through { type filter hook forward priority 0 ; }");
    this.#inside(nat, "nft", "add rule ip filter through iifname wan ct state new drop");
  }

  #space(name: string): string {
    return `${this.#id}${name}`;
  }

  #inside(name: string, program: string, ...args: string[]): void {
    execFileSync("ip", ["netns", "exec", this.#space(name), program, ...args], { stdio: "pipe" });
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}
