"""The types of serving.knative.dev/v1 and v1beta1, and the pod spec in them, in the notation of `schema`.

Which fields Knative takes, and behind which feature flag: knative/serving pkg/apis/serving/fieldmask.go. Which fields
the CRD has: config/core/300-resources. Order and spelling are those of the Go structs.
"""

from typing import Final

from emulator.core.admission.container_tables import CONTAINER, VOLUMES
from emulator.core.admission.schema import Schema

_OBJECTS: Final = """
Service
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              ServiceSpec
  status            ServiceStatus
Configuration
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              ConfigurationSpec
  status            ConfigurationStatus
Revision
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              RevisionSpec
  status            RevisionStatus
Route
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              RouteSpec
  status            RouteStatus
DomainMapping
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              DomainMappingSpec
  status            DomainMappingStatus
ServiceSpec
  template          RevisionTemplateSpec
  traffic           []TrafficTarget
ConfigurationSpec
  template          RevisionTemplateSpec
RouteSpec
  traffic           []TrafficTarget
RevisionTemplateSpec
  metadata          ObjectMeta      open
  spec              RevisionSpec
TrafficTarget
  tag               string
  revisionName      string
  configurationName string
  latestRevision    *bool
  percent           *int64
  url               *string
DomainMappingSpec
  ref!              KReference
  tls               *SecretTLS
KReference
  kind!             string
  namespace         string
  name!             string
  apiVersion!       string          optional
  group             string
  address           *string
SecretTLS
  secretName!       string
ObjectMeta
  name              string
  generateName      string
  namespace         string
  selfLink          string
  uid               string
  resourceVersion   string
  generation        int64
  creationTimestamp any
  deletionTimestamp any
  deletionGracePeriodSeconds *int64
  labels            map string
  annotations       map string
  ownerReferences   []OwnerReference key:uid atomic-items
  finalizers        []string        set
  managedFields     []any
OwnerReference
  apiVersion!       string
  kind!             string
  name!             string
  uid!              string
  controller        *bool
  blockOwnerDeletion *bool
"""

_POD: Final = """
RevisionSpec
  volumes           []Volume        key:name
  initContainers    []Container     flag:kubernetes.podspec-init-containers open
  containers!       []Container
  ephemeralContainers []Container   refused pruned
  restartPolicy     string          refused pruned
  terminationGracePeriodSeconds *int64 refused pruned
  activeDeadlineSeconds *int64      refused pruned
  dnsPolicy         string          flag:kubernetes.podspec-dnspolicy
  nodeSelector      map string      atomic flag:kubernetes.podspec-nodeselector
  serviceAccountName string
  serviceAccount    string          refused pruned
  automountServiceAccountToken *bool unless-false
  nodeName          string          refused pruned
  hostNetwork       bool            flag:kubernetes.podspec-hostnetwork
  hostPID           bool            flag:kubernetes.podspec-hostpid
  hostIPC           bool            flag:kubernetes.podspec-hostipc
  shareProcessNamespace *bool       flag:kubernetes.podspec-shareprocessnamespace
  securityContext   *PodSecurityContext open
  imagePullSecrets  []LocalObjectReference key:name atomic-items
  hostname          string          refused pruned
  subdomain         string          refused pruned
  affinity          *any            flag:kubernetes.podspec-affinity
  schedulerName     string          flag:kubernetes.podspec-schedulername
  tolerations       []any           flag:kubernetes.podspec-tolerations
  hostAliases       []any           flag:kubernetes.podspec-hostaliases
  priorityClassName string          flag:kubernetes.podspec-priorityclassname
  priority          *int32          refused pruned
  dnsConfig         *any            flag:kubernetes.podspec-dnsconfig
  readinessGates    []any           refused pruned
  runtimeClassName  *string         flag:kubernetes.podspec-runtimeclassname
  enableServiceLinks *bool
  preemptionPolicy  *string         refused pruned
  overhead          map quantity    refused pruned
  topologySpreadConstraints []any   flag:kubernetes.podspec-topologyspreadconstraints
  setHostnameAsFQDN *bool           refused pruned
  os                *any            refused pruned
  hostUsers         *bool           refused pruned
  schedulingGates   []any           refused pruned
  resourceClaims    []any           refused pruned
  resources         *any            refused pruned
  hostnameOverride  *string         refused pruned
  containerConcurrency *int64
  timeoutSeconds    *int64
  responseStartTimeoutSeconds *int64
  idleTimeoutSeconds *int64
LocalObjectReference
  name              string
PodSecurityContext
  seLinuxOptions    *any            refused
  windowsOptions    *any            refused
  runAsUser         *int64          flag:kubernetes.podspec-securitycontext
  runAsGroup        *int64          flag:kubernetes.podspec-securitycontext
  runAsNonRoot      *bool           flag:kubernetes.podspec-securitycontext
  supplementalGroups []int64        flag:kubernetes.podspec-securitycontext
  supplementalGroupsPolicy *string  refused
  fsGroup           *int64          flag:kubernetes.podspec-securitycontext
  sysctls           []any           refused
  fsGroupChangePolicy *string       refused
  seccompProfile    *SeccompProfile flag:kubernetes.podspec-securitycontext
  appArmorProfile   *any            refused
  seLinuxChangePolicy *string       refused
SeccompProfile
  type!             string
  localhostProfile  *string
"""

_STATUS: Final = """
ServiceStatus
  observedGeneration int64
  conditions        []Condition
  annotations       map string
  latestReadyRevisionName string
  latestCreatedRevisionName string
  url               *string
  address           *Addressable
  traffic           []TrafficTarget
ConfigurationStatus
  observedGeneration int64
  conditions        []Condition
  annotations       map string
  latestReadyRevisionName string
  latestCreatedRevisionName string
RevisionStatus
  observedGeneration int64
  conditions        []Condition
  annotations       map string
  logUrl            string
  containerStatuses []ContainerStatus
  initContainerStatuses []ContainerStatus
  actualReplicas    *int32
  desiredReplicas   *int32
RouteStatus
  observedGeneration int64
  conditions        []Condition
  annotations       map string
  url               *string
  address           *Addressable
  traffic           []TrafficTarget
DomainMappingStatus
  observedGeneration int64
  conditions        []Condition
  annotations       map string
  url               *string
  address           *Addressable
Condition
  type!             string
  status!           string
  severity          string
  lastTransitionTime string
  reason            string
  message           string
Addressable
  name              *string
  url               *string
  CACerts           *string
  audience          *string
ContainerStatus
  name              string
  imageDigest       string
"""

SERVING: Final = Schema.parse(_OBJECTS, _STATUS, _POD, CONTAINER, VOLUMES)
"""The types of all kinds."""
