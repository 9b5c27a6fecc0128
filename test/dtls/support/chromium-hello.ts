/** The ClientHello of Chromium 156 as it came, in two datagrams: it offers DTLS 1.3 with an ML-KEM key share, and DTLS 1.2. */
export const chromiumHello: readonly Uint8Array[] = [
  fromBase64(
    `
      Fv7/AAAAAAAAAAAEowEABYUAAAAAAAAEl/797Rorl+6zRecOu54SioUeHp/S9dTJp3zBlxKORj/BCr8AAAAcEwETAhMDwCvAL8yp
      zKjACcATwArAFACcAC8ANQEABT8ADgAJAAYAAQAIAAcAADME6gToEewEwLJUHmlLA+i0RhqaadNmf7skaGcsjYDhIWH1K86GeGwi
      fCIWkC1gfGjpabSCgCDwxsO4DnuFcIlopHknR1jlhO9cR8iyCpvBJhP4yo/QVEM5FxA1QeDYOcYXyYDyGaM7tNPCIQmqy17jiQ0S
      UPCJlFk6VYf0W1g6goJQEbf4zlEsqu65PAhmT9PJrOOFwE5sbDpadhBDxxFUcwWmT6bVro3sLLwQDMBiXRKIqYpWwzlUrvhycj3s
      l7zyoPHKtWg4uv6UzePoiqmUuADRLE3pewwXaQWGSLqUPZX0Oqr1RWQoexDbgbTLxmzJJ9LWPdLMYYxysCY3Ob0pGOT6I3MszaVV
      ySq2BI9jnLXiafo4p05HXJC4nM8hdTT1n+XKIdI4U1ubGA4cB/DkZRLYnHXYKHagXNLXq0A4jU9qqX/WcSPFI3DhuYPMmUg2qDyT
      XRLVubyGzvnrnYYRf2SEtEVIivvkos/on3rMgk+bumKSdMkWxJyHtKOzcV1VYt3BQlJIBAt8j3J0ecrrnrsMvsa3fh43YHdbar4U
      NyzCAOJAy5DUvZV1zT0IPW36oQK7B+x8ZGXgyglcgbJZKUnDYLiraRRcsWUSo1lSysiKe5u5HF5yM22HrTAzTsecu4QiOKR1WZyV
      JbhKT8IFdN+htpR2H99Mcko8GSgld8QnDRxGiUUsvpQLThKSqbpjyS9Utw3xgnfsavqXngqgTSyDVMw1Jm54A2trIARJqN6TAlLo
      sfhSccVAF/0lP5xFF+gcR3VpPE0IJkgFHI8HYzibgobWWhSIEezibm0zHW8zSSRXxGK6aHkxi2QQO8rXrhYDgO0oBnfwXC8nQ1TK
      yIBLzOdrRr8bTVy2LcNrKN80rG3Ze3/2fs3rRrIYxXhYRGGbY3BzRwQ6jsabMPiyK+PmETH3jqd1uRQ2bWzmfe0gyXQKzRWCpgQL
      ZHiFvHrWYIy7R22DI3fwE+Lbz+6GGpdoWhn4cjFxZX82iCBJJc1xkiZXLVLDsKxgDavimjaGdmtpvNbzr5NzaNEkUIJLErO2poI0
      kWTKWKMJqBcok3EbeqPou8B1B8D0M7bwab5QZ8EEJRgXltKFmkrxXjL5kuzRs1H4T+hiDYimNx6hXyDThZkMY+VCTi+AxgPXJ2pH
      GQ1Bse0WC/l6gTDLxWcShayUx3yzPE2CD8IYXNWAgG0TBgvHKsFnJBnZPV1jQ4AUCjLMWOxlhuGEI0W4Ynw5m8NEN4uZcnK3FF0i
      WHjcJWl3fXnZRmQkj7O6uzbqQEUcBEbAPmgLs11UzcGCPjl3sMc5eoRFGE4xo8VQcMx1iIgcaV8FOmEhdxfqi6MHuGwCe0zpVxG1
      qmlsKwl0x8vlj0ssDcpcbS03VCOrOgVEwZOTs+LaLn+XW9uWyRpZa7ZQYiIMuBIjmn86v5EBpQ2pzxLDTrGYwm3MeseKbhgXU304
    `,
  ),
  fromBase64(
    `
      Fv7/AAAAAAAAAAEA+gEABYUAAAAElwAA7kNRRwP2Vkz/lD+MQcGrM7J7tX0m6m2VN4HVm2qv8y9Re47CS3mUwq87Iq8Q5cAmY2jg
      iyEAdqPtqRVzpV0Q3BdmBL8bmmkRm9z78+/b0Klu/oBEJAcI18n6YW3KqUSwIey1jBMMxkO5JagnIZUXbtBW9nIQ9enJQF24vIeU
      NpvjhtOhnZVeAB0AIM9Mnwj7ZcX8ji0elJ9l0CQySq+fM0Cb3iaFrtmoDdw7/wEAAQAAFwAAAAsAAgEAAA0AFAASBAMIBAQBBQMI
      BQUBCAYGAQIBAAoACgAIEewAHQAXABgALQACAQEAKwAFBP78/v0=
    `,
  ),
];

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
