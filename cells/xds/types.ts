/** Envoy's resource types that we serve. */
export const ENVOY = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
} as const;

/** Make before break: additions and changes in this order, removals afterwards in the opposite one. */
export const MAKE_ORDER: readonly string[] = [ENVOY.cluster, ENVOY.endpoints, ENVOY.listener, ENVOY.route];

export const shortType = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
