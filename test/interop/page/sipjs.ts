import { type Invitation, Inviter, Registerer, type Session, SessionState, UserAgent, Web } from "sip.js";
import { Base, type PageEnd } from "./page-end.ts";

const domain = "switchboard.test";
/** The factory of media is asked for both, and gives what this end sends. */
const own = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: true } } };

/** SIP.js, unmodified. */
export class SipJsEnd extends Base implements PageEnd {
  #ua: UserAgent | undefined;
  #session: Session | undefined;

  get pc() {
    return this.#handler?.peerConnection;
  }

  get #handler() {
    return this.#session?.sessionDescriptionHandler as Web.SessionDescriptionHandler | undefined;
  }

  async start() {
    const { user, device, port } = this.options;
    const ua = new UserAgent({
      uri: uriOf(user),
      // A busy machine may need longer than its 5 s.
      transportOptions: { server: `ws://localhost:${port}/sip`, connectionTimeout: 30 },
      authorizationUsername: device === undefined ? user : `${user}/${device}`,
      authorizationPassword: `dev:${user}`,
      reconnectionAttempts: 1_000,
      reconnectionDelay: 1,
      logLevel: "error",
      sessionDescriptionHandlerFactory: Web.defaultSessionDescriptionHandlerFactory(async () =>
        this.streamForOneCall(),
      ),
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] } },
      delegate: {
        onInvite: (invitation) => {
          this.fresh(1);
          this.#follow(invitation);
          invitation.delegate = {
            ...invitation.delegate,
            onCancel: ({ request }) => {
              if (this.#session === invitation)
                this.set({ ended: `Canceled: ${request.getHeader("Reason") ?? ""}` });
            },
          };
        },
      },
    });
    this.#ua = ua;
    await ua.start();
    const registerer = new Registerer(ua);
    // It does not register by itself when it has connected again.
    ua.delegate = { ...ua.delegate, onConnect: () => void registerer.register().catch(() => {}) };
    await new Promise<void>((resolve, reject) => {
      registerer.stateChange.addListener((state) => {
        if (String(state) === "Registered") resolve();
      });
      registerer
        .register({
          requestDelegate: { onReject: ({ message }) => reject(new Error(String(message.statusCode))) },
        })
        .catch(reject);
    });
  }

  call(to: string) {
    this.fresh(0);
    const inviter = new Inviter(this.#ua!, uriOf(to), own);
    this.#follow(inviter);
    void inviter.invite({
      requestDelegate: {
        onProgress: ({ message }) => {
          if (message.statusCode === 180) this.set({ alerting: true });
        },
        onReject: ({ message }) => {
          const reason = message.getHeader("Reason");
          this.set({ ended: `${message.statusCode}${reason === undefined ? "" : `: ${reason}`}` });
        },
      },
    });
  }

  answer() {
    void (this.#session as Invitation).accept(own);
  }

  decline() {
    void (this.#session as Invitation).reject();
  }

  hangup() {
    const session = this.#session!;
    if (session.state === SessionState.Established) void session.bye();
    else void (session as Inviter).cancel();
  }

  hold(on: boolean) {
    return this.#reinvite({ hold: on } as Web.SessionDescriptionHandlerOptions);
  }

  restartIce() {
    return this.#reinvite({ offerOptions: { iceRestart: true } } as Web.SessionDescriptionHandlerOptions);
  }

  stop() {
    return this.#ua?.stop();
  }

  async #reinvite(options: Web.SessionDescriptionHandlerOptions) {
    const session = this.#session!;
    session.sessionDescriptionHandlerOptionsReInvite = options;
    await new Promise<void>((resolve, reject) => {
      session
        .invite({
          requestDelegate: {
            onAccept: () => resolve(),
            onReject: ({ message }) => reject(new Error(String(message.statusCode))),
          },
        })
        .catch(reject);
    });
  }

  #follow(session: Session) {
    this.#session = session;
    session.delegate = {
      onSessionDescriptionHandler: (handler) => {
        const { peerConnection } = handler as Web.SessionDescriptionHandler;
        if (peerConnection !== undefined) this.sendOnNewSections(peerConnection);
      },
      onBye: (bye) => {
        if (this.#session === session) this.set({ ended: `bye: ${bye.request.getHeader("Reason") ?? ""}` });
        void bye.accept();
      },
    };
    session.stateChange.addListener((state) => {
      if (this.#session !== session) return;
      if (state === SessionState.Established) this.set({ connected: true });
      if (state === SessionState.Terminated) this.set({ ended: this.state.ended ?? "terminated" });
    });
  }
}

function uriOf(user: string) {
  const uri = UserAgent.makeURI(`sip:${user}@${domain}`);
  if (uri === undefined) throw new Error(`${user} can't be in a URI`);
  return uri;
}
