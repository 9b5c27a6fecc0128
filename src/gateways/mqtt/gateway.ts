import type { SocketRoute } from "../../net/http-server.ts";
import type { StreamHandlers, StreamSocket } from "../../net/tcp.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import { FlowRates } from "../../transports/flow-meter.ts";
import type { EntryGuard } from "../../transports/transport-guard.ts";
import type { GatewayNumbers } from "../gateway-metrics.ts";
import { Cameras } from "./cameras/cameras.ts";
import { Endpoint } from "./endpoint.ts";
import type { OpenTransport } from "./native-topics.ts";
import type { MqttLimits } from "./settings.ts";
import { acceptStream, type GatewayShell, socketRoutes } from "./shell/client-stream.ts";
import { PacketReader, readText } from "./shell/codec.ts";
import type { SignInPorts } from "./sign-in.ts";

export interface MqttGatewayOptions extends Pick<SignInPorts, "identify"> {
  readonly core: GatewayPort;
  readonly open: OpenTransport;
  readonly limits: MqttLimits;
  /** Unix time in ms. */
  now(): number;
}

/** The MQTT endpoint: it joins connections to the pure endpoint, and the endpoint to the core. */
export class MqttGateway implements GatewayShell {
  readonly endpoint: Endpoint;
  readonly reader = new PacketReader();
  readonly rates: FlowRates;
  readonly #core: GatewayPort;
  readonly #now: () => number;

  constructor({ core, open, limits, identify, now }: MqttGatewayOptions) {
    this.#core = core;
    this.#now = now;
    this.rates = new FlowRates(limits, () => this.endpoint.traffic.count("limited"));
    this.endpoint = new Endpoint(
      limits,
      {
        ...{ open, identify, now },
        deadlines: core.deadlines,
        verify: (token, done) => core.ports.verify(token, done),
        random: (bytes) => core.ports.random(bytes),
        stale: (identity, at) => core.stale(identity, at),
        draining: () => core.draining,
        guarded: (work) => this.#guarded("timer", work),
      },
      readText,
      new Cameras({
        core,
        limits,
        after: (ms, from, due) => this.endpoint.after(ms, from, due),
      }),
    );
  }

  get numbers(): GatewayNumbers {
    const { traffic, devices } = this.endpoint;
    return {
      devices,
      calls: this.endpoint.cameras.calls,
      connections: traffic.size,
      messages: traffic.messages,
    };
  }

  /** Where WebSocket clients connect: `/mqtt`, and `/` for those whose URL has no path. */
  routes(guard: EntryGuard): SocketRoute[] {
    return socketRoutes(this, guard);
  }

  /** Takes a TCP or TLS connection, or refuses it. */
  acceptStream(guard: EntryGuard, stream: StreamSocket): StreamHandlers | undefined {
    return acceptStream(this, guard, stream);
  }

  /** Credentials were made void: ends what they have here. */
  revoke(): void {
    this.act((now) => this.endpoint.revoke(now));
  }

  /** Ends every connection. */
  stop(): void {
    this.act((now) => this.endpoint.stop(now));
  }

  // For the shells

  act(work: (now: number) => void): void {
    const now = this.#now();
    this.#guarded("packet", () => work(now));
    this.#core.settle(now);
  }

  #guarded(where: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#core.ports.emit({ type: "fault", where: `mqtt ${where}`, error });
    }
  }
}
