/* A stand-in for libnvidia-ml.so.1: every answer lies in a file `machine` next to this library, which tests change.
 * "layout.h" is made from layout.py. A device handle is the number of a GPU plus one, and in the next byte the number
 * of a MIG instance plus one. */
#define _GNU_SOURCE
#include "layout.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
  OK = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
  DRIVER_NOT_LOADED = 9, TIMEOUT = 10, GPU_IS_LOST = 15, VERSION_MISMATCH = 25
};
#define NONE 0xFFFFFFFFu
#define EVENT_SETS 8
#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

typedef uintptr_t Device;
typedef struct { uint32_t used, seen; uint64_t wanted[LENGTH(((Machine *)0)->gpus)]; } EventSet;

static Machine *machine;
static int users;
static EventSet event_sets[EVENT_SETS];

static void attach(void) {
  Dl_info here;
  char path[4096];
  if (machine || !dladdr((void *)attach, &here)) return;
  const char *slash = strrchr(here.dli_fname, '/');
  snprintf(path, sizeof path, "%.*s/machine", slash ? (int)(slash - here.dli_fname) : 1, slash ? here.dli_fname : ".");
  int file = open(path, O_RDWR);
  if (file < 0) return;
  void *memory = mmap(NULL, sizeof(Machine), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory != MAP_FAILED) machine = memory;
}

static void rest(void) {
  struct timespec pause = {0, 1000000};
  nanosleep(&pause, NULL);
}

static void hang_if_told(const char *function, int gpu) {
#define TOLD (!strcmp(machine->hang, function) && (machine->hang_gpu < 0 || machine->hang_gpu == gpu))
  if (!TOLD) return;
  __atomic_add_fetch(&machine->hanging, 1, __ATOMIC_SEQ_CST);
  while (TOLD) rest();
  __atomic_sub_fetch(&machine->hanging, 1, __ATOMIC_SEQ_CST);
}

/* What every call begins with. */
static int enter(const char *function, int gpu) {
  if (!machine || !users) return UNINITIALIZED;
  __atomic_add_fetch(&machine->calls, 1, __ATOMIC_RELAXED);
  hang_if_told(function, gpu);
  for (uint32_t i = 0; i < machine->failure_count; i++) {
    Failure *failure = &machine->failures[i];
    if ((failure->gpu < 0 || failure->gpu == gpu) && !strcmp(failure->function, function)) return failure->result;
  }
  return OK;
}

static GpuState *gpu_of(Device device) { return &machine->gpus[(device & 0xFF) - 1]; }

static MigInstance *instance_of(Device device) {
  return device >> 8 ? &gpu_of(device)->instances[(device >> 8) - 1] : NULL;
}

static int enter_device(const char *function, Device device) {
  int number = (int)(device & 0xFF) - 1;
  if (machine && (number < 0 || number >= (int)machine->gpu_count)) return INVALID_ARGUMENT;
  int result = enter(function, number);
  return result ? result : gpu_of(device)->lost ? GPU_IS_LOST : OK;
}

static int copy(char *to, unsigned length, const char *from) {
  if (strlen(from) >= length) return INSUFFICIENT_SIZE;
  strcpy(to, from);
  return OK;
}

#define ENTER()                            \
  do {                                     \
    int result_ = enter(__func__, -1);     \
    if (result_) return result_;           \
  } while (0)
#define ENTER_ANY(device)                         \
  do {                                            \
    int result_ = enter_device(__func__, device); \
    if (result_) return result_;                  \
  } while (0)
#define ENTER_GPU(device)                          \
  ENTER_ANY(device);                               \
  if (instance_of(device)) return NOT_SUPPORTED;   \
  GpuState *gpu = gpu_of(device)

/* --- the library and the driver --- */

int nvmlInitWithFlags(unsigned flags) {
  (void)flags;
  attach();
  if (!machine) return DRIVER_NOT_LOADED;
  users++;
  int result = enter(__func__, -1);
  if (!result) result = machine->broken;
  if (result) users--;
  return result;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { ENTER(); users--; return OK; }
int nvmlSystemGetDriverVersion(char *text, unsigned length) { ENTER(); return copy(text, length, machine->driver); }
int nvmlSystemGetNVMLVersion(char *text, unsigned length) { ENTER(); return copy(text, length, machine->nvml); }
int nvmlSystemGetCudaDriverVersion(int *version) { ENTER(); *version = machine->cuda; return OK; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { ENTER(); *version = machine->cuda; return OK; }

/* --- devices --- */

int nvmlDeviceGetCount_v2(unsigned *count) { ENTER(); *count = machine->gpu_count; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *device) {
  if (machine && index >= machine->gpu_count) return INVALID_ARGUMENT;
  *device = index + 1;
  ENTER_ANY(*device);
  return OK;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, Device *device) {
  ENTER();
  for (*device = 1; *device <= machine->gpu_count; ++*device)
    if (!strcmp(gpu_of(*device)->uuid, uuid)) return gpu_of(*device)->lost ? GPU_IS_LOST : OK;
  return NOT_FOUND;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char *pci, Device *device) {
  ENTER();
  for (*device = 1; *device <= machine->gpu_count; ++*device)
    if (!strcasecmp(gpu_of(*device)->pci, pci)) return gpu_of(*device)->lost ? GPU_IS_LOST : OK;
  return NOT_FOUND;
}
int nvmlDeviceGetIndex(Device device, unsigned *index) { ENTER_GPU(device); (void)gpu; *index = device - 1; return OK; }
int nvmlDeviceGetMinorNumber(Device device, unsigned *minor) { ENTER_GPU(device); (void)gpu; *minor = device - 1; return OK; }

#define NUMBER(function, type, member) \
  int function(Device device, type *value) { ENTER_GPU(device); *value = gpu->member; return OK; }
NUMBERS(NUMBER)

#define TEXT(function, member)                                        \
  int function(Device device, char *text, unsigned length) {          \
    ENTER_ANY(device);                                                \
    MigInstance *part = instance_of(device);                          \
    const char *own = #member[0] == 'u' && part ? part->uuid : gpu_of(device)->member; \
    return copy(text, length, own);                                   \
  }
TEXTS(TEXT)

typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char address[32]; } Pci;
static int fill_pci(Pci *pci, const char *address) {
  memset(pci, 0, sizeof *pci);
  sscanf(address, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
  snprintf(pci->legacy, sizeof pci->legacy, "%04X:%02X:%02X.0", pci->domain & 0xFFFF, pci->bus & 0xFF, pci->device & 0xFF);
  return copy(pci->address, sizeof pci->address, address);
}
int nvmlDeviceGetPciInfo_v3(Device device, Pci *pci) { ENTER_GPU(device); return fill_pci(pci, gpu->pci); }
int nvmlDeviceGetCudaComputeCapability(Device device, int *major, int *minor) {
  ENTER_ANY(device);
  *major = gpu_of(device)->capability_major;
  *minor = gpu_of(device)->capability_minor;
  return OK;
}

/* --- telemetry --- */

int nvmlDeviceGetUtilizationRates(Device device, unsigned rates[2]) {
  ENTER_GPU(device);
  if (gpu->mig) return NOT_SUPPORTED;
  rates[0] = gpu->utilization;
  rates[1] = gpu->memory_utilization;
  return OK;
}
typedef struct { uint64_t total, free, used; } Memory;
int nvmlDeviceGetMemoryInfo(Device device, Memory *memory) {
  ENTER_ANY(device);
  GpuState *gpu = gpu_of(device);
  MigInstance *part = instance_of(device);
  uint64_t used = part ? part->memory_used : gpu->memory_used + gpu->memory_reserved;
  memory->total = part ? part->memory_total : gpu->memory_total;
  memory->used = used;
  memory->free = memory->total - used;
  return OK;
}
typedef struct { unsigned version; uint64_t total, reserved, free, used; } Memory2;
int nvmlDeviceGetMemoryInfo_v2(Device device, Memory2 *memory) {
  ENTER_ANY(device);
  GpuState *gpu = gpu_of(device);
  MigInstance *part = instance_of(device);
  if (memory->version != (sizeof *memory | 2 << 24)) return VERSION_MISMATCH;
  memory->total = part ? part->memory_total : gpu->memory_total;
  memory->used = part ? part->memory_used : gpu->memory_used;
  memory->reserved = part ? 0 : gpu->memory_reserved;
  memory->free = memory->total - memory->used - memory->reserved;
  return OK;
}
int nvmlDeviceGetTemperature(Device device, unsigned sensor, unsigned *degrees) {
  ENTER_GPU(device);
  if (sensor) return INVALID_ARGUMENT;
  *degrees = gpu->temperature;
  return OK;
}
int nvmlDeviceGetTemperatureThreshold(Device device, unsigned kind, unsigned *degrees) {
  ENTER_GPU(device);
  if (kind > 1) return NOT_SUPPORTED;
  *degrees = kind ? gpu->slowdown_temperature : gpu->shutdown_temperature;
  return OK;
}
typedef struct { unsigned version; int degrees; } Margin;
int nvmlDeviceGetMarginTemperature(Device device, Margin *margin) {
  ENTER_GPU(device);
  if (margin->version != (sizeof *margin | 1 << 24)) return VERSION_MISMATCH;
  margin->degrees = gpu->margin;
  return OK;
}
int nvmlDeviceGetPowerManagementLimitConstraints(Device device, unsigned *least, unsigned *most) {
  ENTER_GPU(device);
  *least = gpu->power_limit_min;
  *most = gpu->power_limit_max;
  return OK;
}
int nvmlDeviceSetPowerManagementLimit(Device device, unsigned limit) {
  ENTER_GPU(device);
  if (limit < gpu->power_limit_min || limit > gpu->power_limit_max) return INVALID_ARGUMENT;
  gpu->power_limit = limit;
  return OK;
}
int nvmlDeviceSetGpuLockedClocks(Device device, unsigned least, unsigned most) {
  ENTER_GPU(device);
  if (least > most) return INVALID_ARGUMENT;
  gpu->locked_min = least;
  gpu->locked_max = most;
  return OK;
}
int nvmlDeviceResetGpuLockedClocks(Device device) {
  ENTER_GPU(device);
  gpu->locked_min = gpu->locked_max = 0;
  return OK;
}
int nvmlDeviceGetClockInfo(Device device, unsigned domain, unsigned *mhz) {
  ENTER_GPU(device);
  if (domain > 2) return NOT_SUPPORTED;
  *mhz = domain == 2 ? gpu->memory_clock : gpu->sm_clock;
  return OK;
}
int nvmlDeviceGetMaxClockInfo(Device device, unsigned domain, unsigned *mhz) {
  ENTER_GPU(device);
  if (domain > 2) return NOT_SUPPORTED;
  *mhz = domain == 2 ? gpu->memory_clock_max : gpu->sm_clock_max;
  return OK;
}
int nvmlDeviceGetViolationStatus(Device device, unsigned policy, uint64_t times[2]) {
  ENTER_GPU(device);
  if (policy >= LENGTH(gpu->violations)) return NOT_SUPPORTED;
  times[0] = 0;
  times[1] = gpu->violations[policy];
  return OK;
}
int nvmlDeviceGetPcieThroughput(Device device, unsigned counter, unsigned *kilobytes) {
  ENTER_GPU(device);
  (void)gpu;
  if (counter > 1) return INVALID_ARGUMENT;
  *kilobytes = 1000;
  return OK;
}
int nvmlDeviceGetEccMode(Device device, unsigned *now, unsigned *next) {
  ENTER_GPU(device);
  *now = *next = gpu->ecc;
  return OK;
}
int nvmlDeviceGetTotalEccErrors(Device device, unsigned kind, unsigned scope, uint64_t *count) {
  ENTER_GPU(device);
  if (!gpu->ecc) return NOT_SUPPORTED;
  uint64_t counts[2][2] = {{gpu->corrected, gpu->corrected_ever}, {gpu->uncorrected, gpu->uncorrected_ever}};
  if (kind > 1 || scope > 1) return INVALID_ARGUMENT;
  *count = counts[kind][scope];
  return OK;
}
int nvmlDeviceGetRemappedRows(Device device, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
  ENTER_GPU(device);
  *corrected = gpu->rows_corrected;
  *uncorrected = gpu->rows_uncorrected;
  *pending = gpu->rows_pending;
  *failed = gpu->rows_failed;
  return OK;
}
int nvmlDeviceGetRetiredPages(Device device, unsigned cause, unsigned *count, uint64_t *addresses) {
  ENTER_GPU(device);
  unsigned have = cause ? gpu->pages_double : gpu->pages_single, room = *count;
  *count = have;
  if (!addresses || room < have) return have ? INSUFFICIENT_SIZE : OK;
  for (unsigned i = 0; i < have; i++) addresses[i] = 0x1000u * (i + 1);
  return OK;
}

typedef struct {
  uint32_t id, scope;
  int64_t timestamp, latency;
  int32_t type, result;
  int64_t value;
} Value;
static void fill_value(const GpuState *gpu, Value *value) {
  for (uint32_t i = 0; i < gpu->field_count; i++) {
    const FieldValue *field = &gpu->fields[i];
    if (field->id != value->id || field->scope != value->scope) continue;
    value->type = field->type;
    value->result = field->result;
    value->value = field->value;
    return;
  }
  value->result = NOT_SUPPORTED;
}
int nvmlDeviceGetFieldValues(Device device, int count, Value *values) {
  ENTER_GPU(device);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  for (int i = 0; i < count; i++) {
    values[i].timestamp = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
    fill_value(gpu, &values[i]);
  }
  return OK;
}

/* --- NVLink and the fabric --- */

#define ENTER_LINK(device, number)                           \
  ENTER_GPU(device);                                         \
  if (number >= gpu->link_count) return INVALID_ARGUMENT;    \
  LinkState *link = &gpu->links[number]
int nvmlDeviceGetNvLinkState(Device device, unsigned number, unsigned *up) {
  ENTER_LINK(device, number);
  *up = link->up;
  return OK;
}
int nvmlDeviceGetNvLinkVersion(Device device, unsigned number, unsigned *version) {
  ENTER_LINK(device, number);
  *version = link->version;
  return OK;
}
int nvmlDeviceGetNvLinkRemoteDeviceType(Device device, unsigned number, unsigned *kind) {
  ENTER_LINK(device, number);
  *kind = link->remote_kind;
  return OK;
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(Device device, unsigned number, Pci *pci) {
  ENTER_LINK(device, number);
  return fill_pci(pci, link->remote);
}
typedef struct { unsigned version; uint8_t cluster[16]; int32_t status; uint32_t clique; uint8_t state; uint32_t health; } Fabric;
int nvmlDeviceGetGpuFabricInfoV(Device device, Fabric *fabric) {
  ENTER_GPU(device);
  if (fabric->version != (sizeof *fabric | 2 << 24)) return VERSION_MISMATCH;
  fabric->state = gpu->fabric_state;
  fabric->status = gpu->fabric_status;
  fabric->health = gpu->fabric_health;
  fabric->clique = 0;
  return OK;
}

/* --- processes and MIG --- */

typedef struct { unsigned pid; uint64_t memory; unsigned gpu_instance, compute_instance; } Process;
int nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned *count, Process *processes) {
  ENTER_ANY(device);
  GpuState *gpu = gpu_of(device);
  MigInstance *part = instance_of(device);
  unsigned room = *count, have = 0;
  for (uint32_t i = 0; i < gpu->process_count; i++) {
    ProcessEntry *entry = &gpu->processes[i];
    if (part && entry->instance != part->gpu_instance) continue;
    if (processes && have < room) {
      Process one = {entry->pid, entry->memory, entry->instance, entry->instance == NONE ? NONE : 0};
      processes[have] = one;
    }
    have++;
  }
  *count = have;
  return have && (!processes || have > room) ? INSUFFICIENT_SIZE : OK;
}
int nvmlDeviceGetMigMode(Device device, unsigned *now, unsigned *next) {
  ENTER_GPU(device);
  *now = *next = gpu->mig;
  return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned *count) { ENTER_GPU(device); *count = LENGTH(gpu->instances) - 1; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device *part) {
  ENTER_GPU(device);
  if (index >= gpu->instance_count) return NOT_FOUND;
  *part = device | (Device)(index + 1) << 8;
  return OK;
}
int nvmlDeviceIsMigDeviceHandle(Device device, unsigned *is) { ENTER_ANY(device); *is = instance_of(device) != NULL; return OK; }
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Device device, Device *whole) {
  ENTER_ANY(device);
  if (!instance_of(device)) return INVALID_ARGUMENT;
  *whole = device & 0xFF;
  return OK;
}
int nvmlDeviceGetGpuInstanceId(Device device, unsigned *id) {
  ENTER_ANY(device);
  if (!instance_of(device)) return NOT_SUPPORTED;
  *id = instance_of(device)->gpu_instance;
  return OK;
}
int nvmlDeviceGetComputeInstanceId(Device device, unsigned *id) {
  ENTER_ANY(device);
  if (!instance_of(device)) return NOT_SUPPORTED;
  *id = instance_of(device)->compute_instance;
  return OK;
}

/* --- events --- */

int nvmlDeviceGetSupportedEventTypes(Device device, uint64_t *types) {
  ENTER_GPU(device);
  (void)gpu;
  *types = 0x1 | 0x2 | 0x8 | 0x10 | 0x200 | 0x400 | 0x800 | 0x4000 | 0x8000;
  return OK;
}
static EventSet *event_set(Device set) {
  return set - 1 < EVENT_SETS && event_sets[set - 1].used ? &event_sets[set - 1] : NULL;
}
int nvmlEventSetCreate(Device *set) {
  ENTER();
  for (*set = 1; *set <= EVENT_SETS; ++*set) {
    EventSet *found = &event_sets[*set - 1];
    if (found->used) continue;
    memset(found, 0, sizeof *found);
    found->used = 1;
    found->seen = machine->event_count;
    return OK;
  }
  return INSUFFICIENT_SIZE;
}
int nvmlEventSetFree(Device set) {
  ENTER();
  if (!event_set(set)) return INVALID_ARGUMENT;
  event_set(set)->used = 0;
  return OK;
}
int nvmlDeviceRegisterEvents(Device device, uint64_t types, Device set) {
  ENTER_GPU(device);
  (void)gpu;
  if (!event_set(set)) return INVALID_ARGUMENT;
  event_set(set)->wanted[device - 1] |= types;
  return OK;
}
typedef struct { Device device; uint64_t type, data; unsigned gpu_instance, compute_instance; } Event;
static int next_event(EventSet *set, Event *event) {
  while (set->seen != machine->event_count) {
    EventEntry *entry = &machine->events[set->seen++ % LENGTH(machine->events)];
    if (!(set->wanted[entry->gpu] & entry->type)) continue;
    Event one = {entry->gpu + 1, entry->type, entry->data, entry->instance, entry->instance == NONE ? NONE : 0};
    *event = one;
    return 1;
  }
  return 0;
}
static int watches_lost(const EventSet *set) {
  for (uint32_t i = 0; i < machine->gpu_count; i++)
    if (set->wanted[i] && machine->gpus[i].lost) return 1;
  return 0;
}
int nvmlEventSetWait_v2(Device handle, Event *event, unsigned milliseconds) {
  ENTER();
  EventSet *set = event_set(handle);
  if (!set) return INVALID_ARGUMENT;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t end = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + milliseconds;
  for (;;) {
    if (next_event(set, event)) return OK;
    if (watches_lost(set)) return GPU_IS_LOST;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec * 1000LL + now.tv_nsec / 1000000 >= end) return TIMEOUT;
    rest();
  }
}
