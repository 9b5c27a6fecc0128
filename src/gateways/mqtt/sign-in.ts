import { isId, parseAddress } from "../../protocol/address.ts";
import type { Identity, Ports } from "../../signaling/ports.ts";
import { reasons } from "./reason-codes.ts";
import type { TopicDevice } from "./topics.ts";

/** A login whose secret is known to the server. */
interface SecretAccount {
  readonly identity: Identity;
  matches(secret: string): boolean;
}

export interface SignInPorts {
  /** The account of a login, `alice/cam` or `alice`; undefined when there is none. */
  identify(login: string, now: number): SecretAccount | undefined;
  readonly verify: Ports["verify"];
}

/** What CONNECT and the connection say of the client. */
export interface Claim {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The common name of a certificate that was verified. */
  readonly certificate: string | undefined;
}

/** Whom a client was found to be, or the reason code of its refusal, with a text for people. */
export type SignedIn =
  | { readonly identity: Identity; readonly device: TopicDevice }
  | { readonly reason: number; readonly text: string };

/**
 * The device that a client claims to be: that of its certificate, else of its user name, else of its client id. Where one of them
 * names the user alone, the client id is the device.
 */
function claimedDevice({ certificate, username, clientId }: Claim): TopicDevice | undefined {
  const address = parseAddress(certificate ?? username ?? clientId);
  if (address?.kind === "device") return { user: address.user, device: address.device };
  if (address?.kind !== "user" || (certificate ?? username) === undefined) return undefined;
  const named = parseAddress(clientId);
  if (named?.kind === "device" && named.user === address.user)
    return { user: named.user, device: named.device };
  return isId(clientId) ? { user: address.user, device: clientId } : undefined;
}

/** Finds out whether the client is who it claims to be, and calls back, now or later. */
export function signIn(
  claim: Claim,
  ports: SignInPorts,
  now: number,
  done: (result: SignedIn, now: number) => void,
): void {
  const device = claimedDevice(claim);
  if (device === undefined) {
    const text = "name the device as USER/DEVICE, in the user name or the client id";
    done(
      { reason: claim.username === undefined ? reasons.clientIdInvalid : reasons.badCredentials, text },
      now,
    );
    return;
  }
  const bad: SignedIn = { reason: reasons.badCredentials, text: "the password is not valid for this device" };
  const fits = (identity: Identity): SignedIn =>
    identity.user === device.user && (identity.device ?? device.device) === device.device
      ? { identity: { ...identity, device: device.device }, device }
      : bad;
  const login = `${device.user}/${device.device}`;
  const password = claim.password ?? "";
  const proven = [login, device.user]
    .map((name) => ports.identify(name, now))
    .find(
      (account) => account !== undefined && (claim.certificate !== undefined || account.matches(password)),
    );
  if (proven !== undefined) done(fits(proven.identity), now);
  else if (password === "" || claim.certificate !== undefined) done(bad, now);
  else
    ports.verify(password, (result, later) => {
      if (result.ok) done(fits(result.value), later);
      else if (result.error.temporary)
        done({ reason: reasons.unavailable, text: result.error.message }, later);
      else done(bad, later);
    });
}
