import type { Device } from "../../signaling/device.ts";
import type { Directory } from "../../signaling/directory.ts";
import type { DeviceNotice } from "../items.ts";

/** A device of this node, with what says which run of it this is. */
export interface LocalDevice {
  readonly device: Device;
  readonly stamp: number;
  readonly instance: string;
  readonly attempt: number;
}

/** The devices of the user at this node. */
export function localDevices(directory: Directory, user: string): LocalDevice[] {
  const devices: LocalDevice[] = [];
  for (const device of directory.devices(user)) {
    const { link, node, stamp } = device;
    if (node === undefined)
      devices.push({ device, stamp, instance: link.instance ?? link.id, attempt: link.attempt ?? 1 });
  }
  return devices;
}

/** True when the one run of a device is newer than the other: within an instance by its attempt, else by when it came. */
export function newerRun(
  one: { readonly instance: string; readonly attempt: number; readonly stamp: number },
  node: string,
  than: {
    readonly instance: string;
    readonly attempt: number;
    readonly stamp: number;
    readonly node: string;
  },
): boolean {
  if (one.instance === than.instance && one.attempt !== than.attempt) return one.attempt > than.attempt;
  return one.stamp === than.stamp ? node > than.node : one.stamp > than.stamp;
}

/** Describes a device for other nodes. */
export function noticeOf({ device, stamp, instance, attempt }: LocalDevice): DeviceNotice {
  const { id, kind, name, status, online, gateway, capabilities, link } = device;
  return {
    id,
    link: link.id,
    kind,
    ...(name === undefined ? {} : { name }),
    ...(status === undefined ? {} : { status }),
    online,
    ...(gateway === undefined ? {} : { gateway }),
    capabilities,
    stamp,
    instance,
    attempt,
  };
}

/** Makes the device what its node says that it is. True when others see a difference. */
export function update(device: Device, { online, status }: DeviceNotice): boolean {
  const before = `${device.online} ${device.status}`;
  device.online = online;
  device.status = status;
  return before !== `${online} ${status}`;
}
