/** Who runs this chatctl, as the API server knows it. */
import type { Context } from './context.ts';

/**
 * Such as `oidc:ada`, or `admin (ada)` where an account is shared: the name of the user on this machine stands beside it.
 * Undefined when the API server does not tell.
 */
export async function whoAmI({ kube, environment }: Context): Promise<string | undefined> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const answer = await kube
    .request<{ status?: { userInfo?: { username?: string } } }>({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      contentType: 'application/json',
      body: JSON.stringify(review),
    })
    .catch(() => undefined);
  const account = answer?.status?.userInfo?.username;
  const local = environment.env.USER ?? environment.env.LOGNAME;
  return account === undefined || local === undefined || account.includes(local) ? account : `${account} (${local})`;
}
