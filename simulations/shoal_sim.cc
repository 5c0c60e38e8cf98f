// shoal-sim: federations on one machine.
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/child_process.h"
#include "base/file.h"
#include "base/program_error.h"
#include "base/version.h"
#include "configuration/command_line.h"
#include "protocol/exit_code.h"
#include "simulations/audit/audit_run.h"
#include "simulations/live/live_options.h"
#include "simulations/live/live_run.h"
#include "simulations/live/summary.h"
#include "simulations/load/load_run.h"
#include "simulations/mpi/mpi_crew.h"
#include "simulations/results/built_in_scenarios.h"
#include "simulations/results/progress.h"
#include "simulations/run/comparison.h"
#include "simulations/run/partition_picture.h"
#include "simulations/run/run_scenario.h"
#include "simulations/run/runs_report.h"
#include "simulations/run/sweep.h"

namespace shoal::simulations {
namespace {

// The one thing that a signal handler can reach.
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

// The second signal kills: its disposition is the default again.
void OnSignal(int) { interrupted = true; }

void CatchSignals() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// The width of the terminal that `file` is; 0 when it is none, or one that
// cannot redraw a line.
int Columns(std::FILE* file) {
  const char* const terminal = std::getenv("TERM");
  const bool is_dumb =
      terminal != nullptr && absl::string_view(terminal) == "dumb";
  if (is_dumb || isatty(fileno(file)) == 0) return 0;
  winsize size = {};
  const bool known = ioctl(fileno(file), TIOCGWINSZ, &size) == 0;
  return known && size.ws_col > 0 ? size.ws_col : 80;
}

// The coordinator is one of its own: nobody whom the user could reach.
protocol::ExitCode ExitCodeOf(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? protocol::kExitUsage
                                         : protocol::kExitFailure;
}

protocol::ExitCode Fail(const absl::Status& status) {
  PrintError("shoal-sim", status);
  return ExitCodeOf(status);
}

int Live(const LiveOptions& options) {
  CatchSignals();
  std::FILE* const out = options.json ? stderr : stdout;
  ProgressDisplay display(out, Columns(out));
  const absl::StatusOr<LiveSummary> summary =
      RunLive(options, {.display = display,
                        .program_folder = ExecutableFolder(),
                        .interrupted = [] { return interrupted.load(); }});
  display.Finish();
  if (!summary.ok()) return Fail(summary.status());
  const char* command = std::getenv("SHOAL_COMMAND");  // set by script/demo
  const std::string text =
      options.json
          ? SummaryJson(*summary)
          : "\n" + SummaryText(*summary,
                               command != nullptr ? command : "shoal-sim live",
                               ExecutableFolder());
  std::fputs(text.c_str(), stdout);
  return protocol::kExitOk;
}

void AddLive(CLI::App& app, LiveOptions& options) {
  CLI::App* live = app.add_subcommand(
      "live",
      "Runs a federation of real processes on this machine: a shoald and many "
      "shoal-agents.\n"
      "Examples:\n"
      "  shoal-sim live\n"
      "  shoal-sim live --mixed\n"
      "  shoal-sim live --data mnist:data/mnist --partition dirichlet "
      "--alpha 0.3\n"
      "  shoal-sim live --data csv:houses.csv --target price\n"
      "  shoal-sim live --data text:plays.txt\n"
      "  shoal-sim live my_scenario.yaml --rounds 10 --out results");
  live->add_option("SCENARIO", options.scenario,
                   "scenario file (default: the built-in handwriting)");
  live->add_flag("--mixed", options.mixed,
                 "the built-in handwriting on devices of three classes, of "
                 "which one runs out of energy in every round")
      ->excludes("SCENARIO");
  live->add_option("--data", options.data,
                   "handwriting, synthetic, mnist:DIR, fashion-mnist:DIR, "
                   "emnist:DIR, cifar10:DIR, har:DIR, leaf:DIR, csv:FILE or "
                   "text:FILE");
  live->add_option("--label", options.label, "csv: column of the class");
  live->add_option("--target", options.target,
                   "csv: column of the value to predict");
  live->add_option("--device", options.device,
                   "csv: column that names the device");
  live->add_option("--algorithm", options.algorithm,
                   "fedavg, fedprox or fednova");
  live->add_option("--mu", options.mu, "weight of fedprox's proximal term");
  live->add_option("--rounds", options.rounds, "committed rounds")
      ->check(configuration::WholeNumber(1));
  live->add_option("--devices", options.devices, "number of agents")
      ->check(configuration::WholeNumber(1));
  live->add_option("--partition", options.partition,
                   "how data fall onto devices: iid, dirichlet or natural");
  live->add_option("--alpha", options.alpha,
                   "dirichlet: small is uneven, large is even");
  live->add_option("--seed", options.seed, "of data, model and training")
      ->check(configuration::WholeNumber(0));
  live->add_flag("--no-secure-aggregation", options.no_secure_aggregation,
                 "let the coordinator see every device's update, not only "
                 "their sums");
  live->add_option("--out", options.out,
                   "folder for models/, scenario.yaml (which repeats the run), "
                   "summary.json and rounds.csv, without those of another run "
                   "(default: one below $TMPDIR that the next run removes)");
  live->add_flag("--json", options.json,
                 "print the summary as JSON, the progress on standard error");
}

// A process of a crew that is not its first has nothing to say.
void BeSilent() {
  SHOAL_CHECK(std::freopen("/dev/null", "w", stdout) != nullptr);
}

int RunOne(RunOptions options) {
  const std::unique_ptr<Crew> crew = JoinCrew();
  const bool is_first = crew == nullptr || crew->is_first();
  if (!is_first) BeSilent();
  if (crew != nullptr && options.threads == 0) options.threads = 1;
  CatchSignals();
  std::FILE* const out = options.json && is_first ? stderr : stdout;
  // mpirun gives its first process a terminal wherever its output goes.
  ProgressDisplay display(out, crew == nullptr ? Columns(out) : 0);
  const absl::StatusOr<RunSummary> summary =
      RunScenario(options, {.display = display,
                            .interrupted = [] { return interrupted.load(); },
                            .crew = crew.get()});
  display.Finish();
  if (!is_first)
    return summary.ok() ? protocol::kExitOk : ExitCodeOf(summary.status());
  if (!summary.ok()) return Fail(summary.status());
  const std::string text =
      options.json ? RunSummaryJson(*summary) : "\n" + RunSummaryText(*summary);
  std::fputs(text.c_str(), stdout);
  return protocol::kExitOk;
}

// The exit code, where mpirun has started several processes for what is done by
// one; the first of them says so.
std::optional<int> RefuseCrew(absl::string_view what) {
  const std::unique_ptr<Crew> crew = JoinCrew();
  if (crew == nullptr) return std::nullopt;
  if (!crew->is_first()) return protocol::kExitUsage;
  return Fail(absl::InvalidArgumentError(
      absl::StrCat(what, ": expected to be called without mpirun")));
}

// A load test is one process, without virtual time.
int TestLoad(LoadOptions options) {
  if (const auto code = RefuseCrew("--live"); code.has_value()) return *code;
  CatchSignals();
  std::FILE* const out = options.run.json ? stderr : stdout;
  ProgressDisplay display(out, Columns(out));
  const absl::StatusOr<LoadSummary> summary = RunLoad(
      options,
      {.display = display, .interrupted = [] { return interrupted.load(); }});
  display.Finish();
  if (!summary.ok()) {
    PrintError("shoal-sim", summary.status());
    return protocol::ExitCodeOf(summary.status());
  }
  const std::string text = options.run.json ? LoadSummaryJson(*summary)
                                            : "\n" + LoadSummaryText(*summary);
  std::fputs(text.c_str(), stdout);
  if (summary->completed) return protocol::kExitOk;
  return Fail(absl::CancelledError(summary->ended_early));
}

CLI::App* AddRun(CLI::App& app, LoadOptions& load) {
  RunOptions& options = load.run;
  CLI::App* run = app.add_subcommand(
      "run",
      "Runs a scenario in virtual time: the deployed coordinator and device "
      "sessions over simulated devices. With --live its devices put a load on "
      "a real coordinator instead, in real time.\n"
      "Examples:\n"
      "  shoal-sim run demo\n"
      "  shoal-sim run my_scenario.yaml --out results --threads 2\n"
      "  mpirun -n 8 shoal-sim run my_scenario.yaml --out results\n"
      "  shoal-sim run demo --set training.learning_rate=0.05 --set "
      "population.devices=200 --seed 3\n"
      "  shoal-sim run demo --live 127.0.0.1:7600 --set "
      "population.devices=5000");
  run->add_option("SCENARIO", options.scenario,
                  "file, or the name of a built-in scenario")
      ->required();
  run->add_option("--set", options.settings,
                  "PATH=VALUE: another value than the scenario's; paths begin "
                  "with task, population, simulation or seed, or below task")
      ->take_all()
      ->allow_extra_args(false);
  run->add_option("--seed", options.seed,
                  "of everything that is random, but for data with a seed of "
                  "their own")
      ->check(configuration::WholeNumber(0));
  run->add_option("--threads", options.threads,
                  "that train (default: one per core; under mpirun one per "
                  "process); the results are the same for any number")
      ->check(configuration::WholeNumber(1));
  run->add_option("--out", options.out,
                  "folder for rounds.csv, devices.csv, summary.json, "
                  "scenario.yaml and models/ (default: one below $TMPDIR that "
                  "the next run removes)");
  run->add_flag("--json", options.json,
                "print the summary as JSON, the progress on standard error");
  CLI::Option* const live =
      run->add_option("--live", load.coordinator,
                      "HOST:PORT of a shoald that runs with --insecure: a load "
                      "test of it, with load.json in --out");
  run->add_option("--connections", load.connections,
                  "with --live: that the devices share (default: 8)")
      ->check(configuration::WholeNumber(1))
      ->needs(live);
  return run;
}

CLI::App* AddResume(CLI::App& app, RunOptions& options) {
  CLI::App* resume = app.add_subcommand(
      "resume",
      "Goes on with a run that was interrupted, to the same end, bit for bit, "
      "as if it had not been: by the same release of shoal-sim, over the same "
      "data.\n"
      "Example: shoal-sim resume results");
  resume->add_option("DIR", options.out, "the run's folder")->required();
  resume
      ->add_option("--threads", options.threads,
                   "that train (default: one per core)")
      ->check(configuration::WholeNumber(1));
  resume->add_flag("--json", options.json, "as of `run`");
  return resume;
}

int Resume(RunOptions options) {
  options.resume = true;
  options.scenario = options.out + "/scenario.yaml";
  return RunOne(options);
}

// Of a sweep, whose failures are told last.
int ReportSweep(const SweepOptions& options, const SweepResult& result) {
  if (!result.folders.empty()) {
    const auto runs = ReadRuns(result.folders);
    if (!runs.ok()) return Fail(runs.status());
    const std::string report = options.run.out + "/report.html";
    const std::string text = options.run.json
                                 ? ComparisonJson(*runs, result.folders, report)
                                 : absl::StrCat("\n", ComparisonText(*runs),
                                                "\nreport: ", report, "\n");
    std::fputs(text.c_str(), stdout);
  }
  for (const SweepFailure& failure : result.failures) {
    PrintError("shoal-sim", absl::UnknownError(absl::StrCat(
                                failure.folder, ": ", failure.error)));
  }
  return result.failures.empty() ? protocol::kExitOk : protocol::kExitFailure;
}

int Sweep(const SweepOptions& options) {
  if (const auto code = RefuseCrew("sweep"); code.has_value()) return *code;
  CatchSignals();
  std::FILE* const out = options.run.json ? stderr : stdout;
  ProgressDisplay display(out, Columns(out));
  const auto result = RunSweep(options, {.display = display, .interrupted = [] {
                                           return interrupted.load();
                                         }});
  display.Finish();
  if (!result.ok()) return Fail(result.status());
  return ReportSweep(options, *result);
}

CLI::App* AddSweep(CLI::App& app, SweepOptions& options) {
  CLI::App* sweep = app.add_subcommand(
      "sweep",
      "Runs a scenario with every combination of some values, with several "
      "seeds, and writes one report. Called again it goes on where it was "
      "interrupted.\n"
      "Example:\n"
      "  shoal-sim sweep demo --grid training.learning_rate=0.03,0.1,0.3 "
      "--seeds 3 --out sweep");
  sweep
      ->add_option("SCENARIO", options.run.scenario,
                   "file, or the name of a built-in scenario")
      ->required();
  sweep
      ->add_option("--grid", options.grid,
                   "PATH=VALUE,VALUE,…: paths as of `run --set`; may be given "
                   "several times")
      ->take_all()
      ->allow_extra_args(false);
  sweep
      ->add_option("--seeds", options.seeds,
                   "how many runs of each, with the scenario's seed and those "
                   "after it")
      ->check(configuration::WholeNumber(1));
  sweep->add_option("--set", options.run.settings, "as of `run`")
      ->take_all()
      ->allow_extra_args(false);
  sweep->add_option("--seed", options.run.seed, "the first, as of `run`")
      ->check(configuration::WholeNumber(0));
  sweep->add_flag("--json", options.run.json,
                  "print the results as JSON, the progress on standard error");
  sweep->add_option("--threads", options.run.threads, "that train")
      ->check(configuration::WholeNumber(1));
  sweep->add_option("--out", options.run.out, "folder for all runs")
      ->required();
  return sweep;
}

struct CompareOptions {
  std::vector<std::string> folders;
  std::optional<double> target;
  std::string out = "comparison.html";
  bool json = false;
};

int Compare(const CompareOptions& options) {
  const auto runs = ReadRuns(options.folders);
  if (!runs.ok()) return Fail(protocol::AsWrongInput(runs.status()));
  const absl::Status written = WriteReport(options.folders, options.out);
  if (!written.ok()) return Fail(protocol::AsWrongInput(written));
  const std::string text =
      options.json
          ? ComparisonJson(*runs, options.folders, options.out, options.target)
          : absl::StrCat(ComparisonText(*runs, options.target),
                         "\nreport: ", options.out, "\n");
  std::fputs(text.c_str(), stdout);
  return protocol::kExitOk;
}

CLI::App* AddCompare(CLI::App& app, CompareOptions& options) {
  CLI::App* compare = app.add_subcommand(
      "compare",
      "Compares runs: a table, and a report with their curves. Runs that "
      "differ in their seed alone count as one, with a spread.\n"
      "Example: shoal-sim compare results/a results/b --target 0.97 --out "
      "ab.html");
  compare->add_option("DIR", options.folders, "folders of runs")->required();
  compare
      ->add_option("--target", options.target,
                   "tell the rounds until the best accuracy so far on held-out "
                   "data, a part of 1, has reached it")
      ->check(configuration::NumberBetween(0, 1));
  compare->add_option("--out", options.out,
                      "file for the report (default: comparison.html)");
  compare->add_flag("--json", options.json, "print the results as JSON");
  return compare;
}

CLI::App* AddAudit(CLI::App& app, AuditOptions& options) {
  CLI::App* audit = app.add_subcommand(
      "audit",
      "Holds what a private task claims against what its models tell: "
      "simulates a scenario with canaries among its devices, which send known "
      "vectors or nothing, guesses from the models which is which, and prints "
      "a lower bound on epsilon beside the claimed one. Exits with 5 when the "
      "claim is falsified.\n"
      "Examples:\n"
      "  shoal-sim audit private.yaml\n"
      "  shoal-sim audit private.yaml --canaries 2000 --confidence 0.99 "
      "--json");
  audit->add_option("SCENARIO", options.run.scenario, "as of `run`")
      ->required();
  audit
      ->add_option("--canaries", options.canaries,
                   "devices that are added (default: 500); with more, more can "
                   "be proved")
      ->check(CLI::Range(kFewestCanaries, kMostCanaries));
  audit
      ->add_option("--confidence", options.confidence,
                   "of the lower bound, a part of 1 (default: 0.95)")
      ->check(configuration::NumberBetween(0.5, 1 - 1e-9));
  audit->add_option("--set", options.run.settings, "as of `run`")
      ->take_all()
      ->allow_extra_args(false);
  audit->add_option("--seed", options.run.seed, "as of `run`; of canaries too")
      ->check(configuration::WholeNumber(0));
  audit
      ->add_option("--threads", options.run.threads,
                   "that train (default: one per core)")
      ->check(configuration::WholeNumber(1));
  audit->add_flag("--json", options.run.json,
                  "print the findings as JSON, the progress on standard error");
  return audit;
}

int AuditOne(const AuditOptions& options) {
  if (const auto code = RefuseCrew("audit"); code.has_value()) return *code;
  CatchSignals();
  std::FILE* const out = options.run.json ? stderr : stdout;
  ProgressDisplay display(out, Columns(out));
  const absl::StatusOr<AuditSummary> summary = RunAudit(
      options,
      {.display = display, .interrupted = [] { return interrupted.load(); }});
  display.Finish();
  if (!summary.ok()) return Fail(summary.status());
  const std::string text = options.run.json ? AuditSummaryJson(*summary)
                                            : "\n" + AuditSummaryText(*summary);
  std::fputs(text.c_str(), stdout);
  return summary->falsified() ? protocol::kExitFalsified : protocol::kExitOk;
}

struct PartitionOptions {
  RunOptions run;
  std::string out = "partition.html";
};

int ShowPartition(const PartitionOptions& options) {
  const auto skew = WritePartition(options.run, options.out);
  if (!skew.ok()) return Fail(protocol::AsWrongInput(skew.status()));
  if (options.run.json) {
    std::printf("%s\n", skew->Json().c_str());
  } else {
    std::printf("%s\npicture: %s\n", skew->Text().c_str(), options.out.c_str());
  }
  return protocol::kExitOk;
}

CLI::App* AddPartition(CLI::App& app, PartitionOptions& options) {
  CLI::App* partition = app.add_subcommand(
      "partition",
      "Shows how a scenario's data fall onto its devices: how skewed they are, "
      "and a picture of examples by device and class.\n"
      "Example: shoal-sim partition my_scenario.yaml --set "
      "'population.partition={dirichlet: {alpha: 0.1}}'");
  partition
      ->add_option("SCENARIO", options.run.scenario,
                   "file, or the name of a built-in scenario")
      ->required();
  partition->add_option("--set", options.run.settings, "as of `run`")
      ->take_all()
      ->allow_extra_args(false);
  partition->add_option("--seed", options.run.seed, "as of `run`")
      ->check(configuration::WholeNumber(0));
  partition->add_option("--out", options.out,
                        "file for the picture (default: partition.html)");
  partition->add_flag("--json", options.run.json, "print all counts as JSON");
  return partition;
}

int Init(const std::string& path) {
  const absl::StatusOr<std::string> there = ReadFile(path);
  if (!absl::IsNotFound(there.status())) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat(path, ": is there already, expected a new file")));
  }
  const BuiltInScenario* starter = FindBuiltInScenario("starter");
  SHOAL_CHECK(starter != nullptr);
  const absl::Status written = WriteFileAtomically(path, starter->yaml);
  if (!written.ok()) return Fail(written);
  std::printf("%s written; run it with: shoal-sim run %s\n", path.c_str(),
              path.c_str());
  return protocol::kExitOk;
}

int ListScenarios() {
  for (const BuiltInScenario& scenario : BuiltInScenarios()) {
    std::printf("%-14s%s\n", std::string(scenario.name).c_str(),
                scenario.Title().c_str());
  }
  return protocol::kExitOk;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Runs federations on one machine.\n"
      "Examples:\n"
      "  shoal-sim scenarios\n"
      "  shoal-sim run demo --out results\n"
      "  shoal-sim live --rounds 10 --out results",
      "shoal-sim");
  app.set_version_flag("--version", "shoal-sim " + LongVersion());
  app.require_subcommand(1);
  LoadOptions run;
  const CLI::App* const run_command = AddRun(app, run);
  RunOptions resume;
  const CLI::App* const resume_command = AddResume(app, resume);
  SweepOptions sweep;
  const CLI::App* const sweep_command = AddSweep(app, sweep);
  CompareOptions compare;
  const CLI::App* const compare_command = AddCompare(app, compare);
  AuditOptions audit;
  const CLI::App* const audit_command = AddAudit(app, audit);
  PartitionOptions partition;
  const CLI::App* const partition_command = AddPartition(app, partition);
  const CLI::App* const scenarios = app.add_subcommand(
      "scenarios",
      "Lists the built-in scenarios.\nExample: shoal-sim scenarios");
  std::string init_path = "scenario.yaml";
  CLI::App* const init =
      app.add_subcommand("init",
                         "Writes a commented scenario to begin with.\n"
                         "Example: shoal-sim init my_scenario.yaml");
  init->add_option("FILE", init_path, "(default: scenario.yaml)");
  LiveOptions live;
  AddLive(app, live);
  if (const auto code = configuration::ParseCommandLine(app, argc, argv);
      code.has_value()) {
    return *code;
  }
  if (run_command->parsed()) {
    return run.coordinator.empty() ? RunOne(run.run) : TestLoad(run);
  }
  if (resume_command->parsed()) return Resume(resume);
  if (sweep_command->parsed()) return Sweep(sweep);
  if (compare_command->parsed()) return Compare(compare);
  if (audit_command->parsed()) return AuditOne(audit);
  if (partition_command->parsed()) return ShowPartition(partition);
  if (scenarios->parsed()) return ListScenarios();
  if (init->parsed()) return Init(init_path);
  return Live(live);
}

}  // namespace
}  // namespace shoal::simulations

// What was printed may be lost still: a full disk is noticed when it is
// written.
int Flushed(int code) {
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (written || code != shoal::protocol::kExitOk) return code;
  shoal::PrintError("shoal-sim",
                    shoal::ErrnoStatus(errno, "standard output", "write"));
  return shoal::protocol::kExitFailure;
}

int main(int argc, char** argv) {
  // A file that may grow no more (ulimit -f) is an error of write().
  signal(SIGXFSZ, SIG_IGN);
  // gRPC's own lines say nothing that our errors do not; a user who sets the
  // variable gets them.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  return Flushed(shoal::simulations::Main(argc, argv));
}
