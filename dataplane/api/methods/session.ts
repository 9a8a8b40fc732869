/** auth.test and rtm.connect: who the token is, and where its WebSocket goes. */
import { method } from '../method.ts';
import { webSocketOrigin } from '../request-url.ts';

export const authTest = method({
  doc: 'Tells whose token it is.',
  args: {},
  async handle({ identity, me, origin }) {
    return {
      url: `${origin}/`,
      team: identity.entry.displayName,
      user: me.name,
      team_id: me.workspace,
      user_id: me.id,
    };
  },
});

export const rtmConnect = method({
  doc: 'Gives the URL of a WebSocket: valid for 30 s, for one connection.',
  args: {},
  async handle({ identity, me, origin, services }) {
    const ticket = services.sessions.issueTicket(identity);
    return {
      url: `${webSocketOrigin(origin)}/ws?ticket=${encodeURIComponent(ticket)}`,
      self: { id: me.id, name: me.name },
      team: { id: me.workspace, name: identity.entry.displayName, domain: identity.entry.name.split('/').at(-1) },
      edges: services.edges.map(({ zone, url }) => ({ zone, url: webSocketOrigin(url) })),
    };
  },
});
