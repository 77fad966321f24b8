"""The types of serving.knative.dev/v1 and of the parts of core/v1 in it, in the notation of `schema`.

Which fields Knative takes, and behind which feature flag: knative/serving pkg/apis/serving/fieldmask.go. Which fields
the CRD has: config/core/300-resources. Order and spelling are those of the Go structs.
"""

from typing import Final

from emulator.core.admission.schema import Schema

_OBJECTS: Final = """
Service
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              ServiceSpec
  status            any
Configuration
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              ConfigurationSpec
  status            any
Revision
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              RevisionSpec
  status            any
Route
  apiVersion        string
  kind              string
  metadata          ObjectMeta      open
  spec              RouteSpec
  status            any
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
  ownerReferences   []any
  finalizers        []string
  managedFields     []any
"""

_POD: Final = """
RevisionSpec
  volumes           []Volume
  initContainers    []Container     flag:kubernetes.podspec-init-containers open
  containers!       []Container
  ephemeralContainers []Container   refused pruned
  restartPolicy     string          refused pruned
  terminationGracePeriodSeconds *int64 refused pruned
  activeDeadlineSeconds *int64      refused pruned
  dnsPolicy         string          flag:kubernetes.podspec-dnspolicy
  nodeSelector      map string      flag:kubernetes.podspec-nodeselector
  serviceAccountName string
  serviceAccount    string          refused pruned
  automountServiceAccountToken *bool unless-false
  nodeName          string          refused pruned
  hostNetwork       bool            flag:kubernetes.podspec-hostnetwork
  hostPID           bool            flag:kubernetes.podspec-hostpid
  hostIPC           bool            flag:kubernetes.podspec-hostipc
  shareProcessNamespace *bool       flag:kubernetes.podspec-shareprocessnamespace
  securityContext   *PodSecurityContext open
  imagePullSecrets  []LocalObjectReference
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

_CONTAINER: Final = """
Container
  name!             string
  image             string
  command           []string
  args              []string
  workingDir        string
  ports             []ContainerPort
  envFrom           []EnvFromSource
  env               []EnvVar
  resources         ResourceRequirements
  resizePolicy      []any           refused pruned
  restartPolicy     *string         refused pruned
  restartPolicyRules []any          refused pruned
  volumeMounts      []VolumeMount
  volumeDevices     []any           refused pruned
  livenessProbe     *Probe
  readinessProbe    *Probe
  startupProbe      *Probe
  lifecycle         *any            refused pruned
  terminationMessagePath string
  terminationMessagePolicy string
  imagePullPolicy   string
  securityContext   *SecurityContext
  stdin             bool            refused pruned
  stdinOnce         bool            refused pruned
  tty               bool            refused pruned
ContainerPort
  name              string
  hostPort          int32           refused pruned
  containerPort!    int32
  protocol          string
  hostIP            string          refused pruned
EnvVar
  name!             string
  value             string
  valueFrom         *EnvVarSource
EnvVarSource
  fieldRef          *FieldRef       flag:kubernetes.podspec-fieldref open
  resourceFieldRef  *ResourceFieldRef flag:kubernetes.podspec-fieldref open
  configMapKeyRef   *KeySelector
  secretKeyRef      *KeySelector
  fileKeyRef        *any            refused pruned
FieldRef
  apiVersion        string
  fieldPath!        string
ResourceFieldRef
  containerName     string
  resource!         string
  divisor!          quantity
KeySelector
  name              string
  key!              string
  optional          *bool
EnvFromSource
  prefix            string
  configMapRef      *EnvFromReference
  secretRef         *EnvFromReference
EnvFromReference
  name              string
  optional          *bool
ResourceRequirements
  limits            map quantity
  requests          map quantity
  claims            []any           refused pruned
SecurityContext
  capabilities      *Capabilities
  privileged        *bool           unless-false
  seLinuxOptions    *any            refused pruned
  windowsOptions    *any            refused pruned
  runAsUser         *int64
  runAsGroup        *int64
  runAsNonRoot      *bool
  readOnlyRootFilesystem *bool
  allowPrivilegeEscalation *bool
  procMount         *string         refused pruned
  seccompProfile    *SeccompProfile
  appArmorProfile   *any            refused pruned
Capabilities
  add               []string        enabled:kubernetes.containerspec-addcapabilities
  drop              []string
Probe
  exec              *ExecAction
  httpGet           *HTTPGetAction
  tcpSocket         *TCPSocketAction
  grpc              *GRPCAction
  initialDelaySeconds int32
  timeoutSeconds    int32
  periodSeconds     int32
  successThreshold  int32
  failureThreshold  int32
  terminationGracePeriodSeconds *int64 pruned
ExecAction
  command           []string
HTTPGetAction
  path              string
  port!             intstr
  host              string
  scheme            string
  httpHeaders       []HTTPHeader
HTTPHeader
  name!             string
  value!            string
TCPSocketAction
  port!             intstr
  host              string
GRPCAction
  port!             int32
  service!          *string
"""

_VOLUMES: Final = """
VolumeMount
  name!             string
  readOnly          bool
  recursiveReadOnly *string         refused pruned
  mountPath!        string
  subPath           string
  mountPropagation  *string         flag:kubernetes.podspec-volumes-mount-propagation
  subPathExpr       string          refused pruned
Volume
  name!             string
  hostPath          *HostPathVolume flag:kubernetes.podspec-volumes-hostpath
  emptyDir          *EmptyDirVolume flag:kubernetes.podspec-volumes-emptydir
  gcePersistentDisk *any            refused pruned
  awsElasticBlockStore *any         refused pruned
  gitRepo           *any            refused pruned
  secret            *SecretVolume
  nfs               *any            refused pruned
  iscsi             *any            refused pruned
  glusterfs         *any            refused pruned
  persistentVolumeClaim *ClaimVolume flag:kubernetes.podspec-persistent-volume-claim
  rbd               *any            refused pruned
  flexVolume        *any            refused pruned
  cinder            *any            refused pruned
  cephfs            *any            refused pruned
  flocker           *any            refused pruned
  downwardAPI       *any            refused pruned
  fc                *any            refused pruned
  azureFile         *any            refused pruned
  configMap         *ConfigMapVolume
  vsphereVolume     *any            refused pruned
  quobyte           *any            refused pruned
  azureDisk         *any            refused pruned
  photonPersistentDisk *any         refused pruned
  projected         *ProjectedVolume
  portworxVolume    *any            refused pruned
  scaleIO           *any            refused pruned
  storageos         *any            refused pruned
  csi               *any            flag:kubernetes.podspec-volumes-csi
  ephemeral         *any            flag:kubernetes.podspec-volumes-ephemeral
  image             *ImageVolume    flag:kubernetes.podspec-volumes-image
HostPathVolume
  path!             string
  type              *string
EmptyDirVolume
  medium            string
  sizeLimit         *quantity
ClaimVolume
  claimName!        string
  readOnly          bool
ImageVolume
  reference         string
  pullPolicy        string
SecretVolume
  secretName        string
  items             []KeyToPath
  defaultMode       *int32
  optional          *bool
ConfigMapVolume
  name              string
  items             []KeyToPath
  defaultMode       *int32
  optional          *bool
KeyToPath
  key!              string
  path!             string
  mode              *int32
ProjectedVolume
  sources!          []VolumeProjection
  defaultMode       *int32
VolumeProjection
  secret            *Projection
  downwardAPI       *DownwardAPIProjection
  configMap         *Projection
  serviceAccountToken *ServiceAccountTokenProjection
  clusterTrustBundle *any           refused pruned
  podCertificate    *any            refused pruned
Projection
  name              string
  items             []KeyToPath
  optional          *bool
DownwardAPIProjection
  items             []DownwardAPIFile
DownwardAPIFile
  path!             string
  fieldRef          *FieldRef
  resourceFieldRef  *ResourceFieldRef
  mode              *int32
ServiceAccountTokenProjection
  audience          string
  expirationSeconds *int64
  path!             string
"""

SERVING: Final = Schema.parse(_OBJECTS, _POD, _CONTAINER, _VOLUMES)
"""The types of all four kinds."""
