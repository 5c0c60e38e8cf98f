/* A gateway with a loop of its own: it reads a sensor, and in between lets the
 * federation do a piece of work. The model learns whether two neighbouring
 * readings rise or fall together.
 *
 *   sensor_gateway HOST:PORT STATE_FOLDER POPULATION [--insecure]
 *
 * The state folder holds the device's identity, made by `shoal-agent enroll`
 * (with --insecure it needs none). The task's model must take four features and
 * tell two classes apart, as logistic: {inputs: 4, outputs: 2} does. It ends
 * after the first session.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shoal.h"

enum { kWindow = 4, kMaxWindows = 256, kLoopMs = 20 };

/* What the gateway keeps of its sensor. */
struct history {
  float windows[kMaxWindows][kWindow];
  int count;
};

static float read_sensor(int tick) {
  return sinf(0.7f * (float)tick) + 0.3f * cosf(2.1f * (float)tick);
}

static void remember(struct history *history, int tick) {
  int i;
  if (history->count == kMaxWindows) return;
  for (i = 0; i < kWindow; ++i) {
    history->windows[history->count][i] = read_sensor(tick + i);
  }
  ++history->count;
}

static int64_t count(void *context) {
  return ((const struct history *)context)->count;
}

static void features(void *context, int64_t index, float *out, size_t size) {
  const struct history *history = context;
  memcpy(out, history->windows[index], size * sizeof *out);
}

static void labels(void *context, int64_t index, int32_t *out, size_t size) {
  const float *window = ((const struct history *)context)->windows[index];
  (void)size; /* one per example */
  out[0] = window[kWindow - 1] > window[0];
}

static void on_event(void *context, shoal_event_kind kind, const char *detail) {
  (void)context;
  printf("event %d: %s\n", (int)kind, detail);
}

static int fail(const shoal_error *error) {
  fprintf(stderr, "%s\n", error->message);
  return 1;
}

/* Everything else that the gateway has to do until the next turn. */
static void other_work(int64_t ms) {
  const struct timespec pause = {0, (ms < kLoopMs ? ms : kLoopMs) * 1000000};
  nanosleep(&pause, NULL);
}

int main(int argc, char **argv) {
  struct history history = {.count = 0};
  shoal_options options = {.struct_size = sizeof options};
  shoal_examples examples = {.struct_size = sizeof examples};
  shoal_callbacks callbacks = {.struct_size = sizeof callbacks};
  shoal_tick_result tick = {.struct_size = sizeof tick};
  shoal_report report = {.struct_size = sizeof report};
  shoal_error error = {.struct_size = sizeof error};
  shoal_client *client = NULL;
  float odds[2];
  size_t num_odds;
  int turn;

  if (argc < 4) {
    fprintf(stderr,
            "usage: %s HOST:PORT STATE_FOLDER POPULATION [--insecure]\n",
            argv[0]);
    return 2;
  }
  options.coordinator = argv[1];
  options.state_folder = argv[2];
  options.population = argv[3];
  options.insecure = argc > 4 && strcmp(argv[4], "--insecure") == 0;
  examples.context = &history;
  examples.count = count;
  examples.num_features = kWindow;
  examples.num_classes = 2;
  examples.features = features;
  examples.labels = labels;
  callbacks.event = on_event;
  /* Examples do not change while a session runs: they are read before. */
  for (turn = 0; turn < kMaxWindows; ++turn) remember(&history, turn);

  if (shoal_client_create(&options, &examples, &callbacks, &client, &error)) {
    return fail(&error);
  }
  while (!tick.session_ended) {
    if (shoal_tick(client, 0, &tick, &error)) return fail(&error);
    other_work(tick.next_ms);
  }
  shoal_last_report(client, &report, &error);
  printf("%s; come back in %" PRId64 " s\n", report.explanation,
         report.next_check_in_ms / 1000);
  if (report.outcome == SHOAL_OUTCOME_CONTRIBUTED) {
    if (shoal_predict(client, history.windows[0], kWindow, odds, 2, &num_odds,
                      &error)) {
      return fail(&error);
    }
    printf("the window rises with %.2f\n", (double)odds[1]);
  }
  shoal_client_destroy(client);
  return report.outcome == SHOAL_OUTCOME_CONTRIBUTED ? 0 : 1;
}
