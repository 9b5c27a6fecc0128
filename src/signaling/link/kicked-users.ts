import { keepNewest } from "../../shared/keep-newest.ts";
import type { Identity } from "../ports.ts";

/** Users whose older tokens are refused; the bound of what is remembered. */
const maxUsers = 100_000;

/** When users were kicked: tokens that were issued before are void. */
export class KickedUsers {
  readonly #notBefore = new Map<string, number>();

  add(user: string, now: number): void {
    keepNewest(this.#notBefore, user, now, maxUsers);
  }

  /** True when the user was kicked after this token was issued. */
  has({ user, issuedAt }: Identity): boolean {
    return issuedAt < (this.#notBefore.get(user) ?? 0);
  }
}
