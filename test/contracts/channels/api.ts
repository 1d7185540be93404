import { inject } from 'vitest';
import { signInByDevice } from '../../../apps/devstack/services/oidc-device-sign-in.js';
import type { Who } from '../channel-office.js';
import type { ChannelSubject } from '../channel-subject.js';
import { sitAtHttp } from '../http-seat.js';

/** A person's own access token, e.g. of the command line. */
export const subject: ChannelSubject = {
  folder: 'api',
  channel: 'api',
  isFullView: false,
  forged: { unknownAction: 'action_unknown', anotherAction: 'digest_mismatch' },
  async start(office) {
    const { issuer, resource } = inject('services').oidc;
    const tokens = new Map<Who, Promise<string>>();
    const tokenOf = (who: Who): Promise<string> => {
      const token =
        tokens.get(who) ??
        signInByDevice({ issuer, clientId: 'countersign-cli', resource, scope: 'openid', personId: who });
      tokens.set(who, token);
      return token;
    };
    return sitAtHttp(office, async (who) => ({ authorization: `Bearer ${await tokenOf(who)}` }));
  },
};
