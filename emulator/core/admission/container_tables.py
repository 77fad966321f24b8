"""The types of core/v1 inside of a pod spec, in the notation of `schema`: containers with their parts, and volumes."""

from typing import Final

CONTAINER: Final = """
Container
  name!             string          optional
  image             string
  command           []string
  args              []string
  workingDir        string
  ports             []ContainerPort
  envFrom           []EnvFromSource
  env               []EnvVar        key:name
  resources         ResourceRequirements
  resizePolicy      []any           refused pruned
  restartPolicy     *string         refused pruned
  restartPolicyRules []any          refused pruned
  volumeMounts      []VolumeMount   key:mountPath
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
  containerPort!    int32           optional
  protocol          string
  hostIP            string          refused pruned
EnvVar
  name!             string
  value             string
  valueFrom         *EnvVarSource
EnvVarSource
  fieldRef          *FieldRef       flag:kubernetes.podspec-fieldref open
  resourceFieldRef  *ResourceFieldRef flag:kubernetes.podspec-fieldref open
  configMapKeyRef   *KeySelector    atomic
  secretKeyRef      *KeySelector    atomic
  fileKeyRef        *any            refused pruned
FieldRef
  apiVersion        string
  fieldPath!        string
ResourceFieldRef
  containerName     string
  resource!         string
  divisor!          quantity        optional
KeySelector
  name              string
  key!              string
  optional          *bool
EnvFromSource
  prefix            string
  configMapRef      *EnvFromReference atomic
  secretRef         *EnvFromReference atomic
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
  port!             intstr          optional
  host              string
  scheme            string
  httpHeaders       []HTTPHeader
HTTPHeader
  name!             string
  value!            string
TCPSocketAction
  port!             intstr          optional
  host              string
GRPCAction
  port!             int32           optional
  service!          *string         optional
"""

VOLUMES: Final = """
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
  configMap         *ConfigMapVolume atomic
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
  secret            *Projection     atomic
  downwardAPI       *DownwardAPIProjection
  configMap         *Projection     atomic
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
