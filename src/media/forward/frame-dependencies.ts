import { parseDependencyDescriptor } from "../../wire/rtp/av1.ts";
import {
  type DependencyStructure,
  layersOf,
  parseDependencyStructure,
} from "../../wire/rtp/dependency-structure.ts";
import type { StoredPacket } from "./stored-packet.ts";

/**
 * What the dependency descriptors of one SSRC say that the payload doesn't: layers of AV1 and H.264, and sizes of AV1 (AV1 RTP §A). A
 * descriptor refers to the structure that came with an earlier one.
 */
export class FrameDependencies {
  #structure: DependencyStructure | undefined;

  /** Notes in a packet what its descriptor says, if it has one. */
  describe(packet: StoredPacket): void {
    const { dependency } = packet;
    const descriptor = dependency && parseDependencyDescriptor(dependency);
    if (dependency === undefined || descriptor === undefined) return;
    if (descriptor.structure) {
      this.#structure = parseDependencyStructure(dependency);
      if (packet.codec.name === "av1") packet.key = true;
    }
    if (this.#structure === undefined || packet.codec.name === "vp8" || packet.codec.name === "vp9") return;
    const { temporal, spatial } = layersOf(this.#structure, descriptor.template);
    packet.describe(temporal, spatial, descriptor.end, packet.key ? this.#structure.sizes : []);
  }
}
