// shoalctl model: list, show, download.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "coordinator/programs/shoalctl/commands.h"
#include "coordinator/programs/shoalctl/model_files.h"
#include "coordinator/programs/shoalctl/text.h"

namespace shoal::shoalctl {
namespace {

struct Options {
  ListOptions list;
  std::string model;
  std::string out;
  bool force = false;
};

std::string ModelsTable(const v1::ListModelsResponse& list) {
  const absl::Time now = absl::Now();
  Table table({"VERSION", "DIGEST", "PARAMETERS", "SIZE", "CONTRIBUTORS",
               "ROUND", "CREATED"});
  for (const v1::ModelReport& model : list.models()) {
    table.Add({absl::StrCat(model.version()), ShortDigest(model.digest()),
               absl::StrCat(model.num_parameters()), Bytes(model.num_bytes()),
               absl::StrCat(model.contributors()),
               model.round_id() == 0 ? "-" : absl::StrCat(model.round_id()),
               Since(model.has_created(), model.created(), now)});
  }
  return table.ToString();
}

std::string ModelFields(const v1::ModelReport& model) {
  return FieldsText(
      {{"digest", FullDigest(model.digest())},
       {"task", model.task()},
       {"version", absl::StrCat(model.version())},
       {"parameters", absl::StrCat(model.num_parameters())},
       {"size", Bytes(model.num_bytes())},
       {"contributors", absl::StrCat(model.contributors())},
       {"round", model.round_id() == 0 ? "-" : absl::StrCat(model.round_id())},
       {"parent", FullDigest(model.parent())},
       {"created", Exact(model.has_created(), model.created(), absl::Now())}});
}

absl::Status List(Shell& shell, const Options& options) {
  v1::ListModelsResponse list;
  SHOAL_RETURN_IF_ERROR(
      CallList(shell, &v1::Admin::Stub::ListModels, options.list, list));
  shell.Print(list, [&] { return ModelsTable(list); });
  return absl::OkStatus();
}

absl::Status Show(Shell& shell, const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(const v1::ModelReport model,
                         GetModel(shell, options.model));
  shell.Print(model, [&] { return ModelFields(model); });
  return absl::OkStatus();
}

absl::Status Download(Shell& shell, const Options& options) {
  SHOAL_ASSIGN_OR_RETURN(const v1::ModelReport model,
                         GetModel(shell, options.model));
  const std::string path =
      options.out.empty()
          ? absl::StrCat(model.task(), "-", model.version(), ".shoal")
          : options.out;
  SHOAL_RETURN_IF_ERROR(CheckDestination(path, options.force));
  SHOAL_ASSIGN_OR_RETURN(std::string bytes, FetchModel(shell, model));
  if (IsValuesFile(path)) {
    SHOAL_ASSIGN_OR_RETURN(const learning::StoredModel stored,
                           learning::ParseModel(bytes));
    bytes.assign(reinterpret_cast<const char*>(stored.parameters.data()),
                 stored.parameters.size() * sizeof(float));
  }
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(path, bytes));
  shell.Print(model, [&] {
    return absl::StrCat("wrote version ", model.version(), " of ", model.task(),
                        " (", Bytes(bytes.size()), ", sha256 ",
                        FullDigest(model.digest()), ") to ", path, "\n");
  });
  return absl::OkStatus();
}

}  // namespace

void AddModelCommands(CLI::App& app, Shell& shell) {
  CLI::App* noun = AddNoun(app, "model", "committed versions of models");
  auto options = std::make_shared<Options>();  // shared with the callbacks
  CLI::App* list = AddVerb(*noun, shell, "list", "list versions, newest first",
                           "shoalctl model list digits",
                           [&shell, options] { return List(shell, *options); });
  AddListOptions(*list, options->list);
  AddVerb(*noun, shell, "show", "show one version",
          "shoalctl model show digits@12",
          [&shell, options] { return Show(shell, *options); })
      ->add_option("MODEL", options->model, kModelHelp)
      ->required();
  CLI::App* download =
      AddVerb(*noun, shell, "download", "write one version to a file",
              "shoalctl model download digits --out digits.shoal",
              [&shell, options] { return Download(shell, *options); });
  download->add_option("MODEL", options->model, kModelHelp)->required();
  download->add_option("--out", options->out,
                       "file to write (default: TASK-VERSION.shoal); NAME.f32 "
                       "gets the values alone, float32");
  download->add_flag("--force", options->force,
                     "overwrite the file when it exists");
  AddModelExport(*noun, shell);
}

}  // namespace shoal::shoalctl
