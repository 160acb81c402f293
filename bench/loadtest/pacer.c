/* nanosleep to 60 us before each due time, then spin: the native pacer that the driver is compared with.
 * pacer <rate per second> <seconds>: prints p50 and p99 of the lateness in us, and the CPU in cores. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  double gap = 1e6 / atof(argv[1]);
  long count = atof(argv[1]) * atof(argv[2]);
  double *late = malloc(count * sizeof *late);
  double start = now();
  for (long k = 0; k < count; k++) {
    double due = start + k * gap, rest = due - now() - 60;
    if (rest > 0) {
      struct timespec sleep = {(time_t)(rest / 1e6), (long)((rest - (long)(rest / 1e6) * 1e6) * 1e3)};
      nanosleep(&sleep, NULL);
    }
    while (now() < due) {
    }
    late[k] = now() - due;
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  qsort(late, count, sizeof *late, ascending);
  printf("%.1f %.1f %.3f\n", late[count / 2], late[count * 99 / 100], cpu / ((now() - start) / 1e6));
  return 0;
}
