/** The job `dev-token`: prints a token for a user of `dev`, and nothing else. */
import { text } from '../../cells/contract/process/config.ts';
import type { Job } from '../../cells/contract/process/role.ts';
import { devWorkspaces } from './workspaces.ts';

const settings = {
  dir: text('DEV_DIR', 'Directory of `dev`: its keys and its database.', '.local/dev'),
  workspace: text('WORKSPACE_NAME', 'acme or globex.', 'acme'),
  user: text('USER_NAME', 'Name of the user, who is made at the first use of the token.', 'ada'),
};

export const tokenJob: Job<typeof settings> = {
  settings,
  async runOnce({ dir, workspace, user }) {
    process.stdout.write(`${await devWorkspaces(dir).token(workspace, user)}\n`);
  },
};
