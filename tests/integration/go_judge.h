// Go's sumdb/note and sumdb/tlog as a judge of many cases in one process (gocheck/main.go).
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "test_folder.h"

namespace souk::ledger {

class GoJudge {
 public:
  // Whether Go and Debian's package of its sumdb are here; nothing is fetched.
  static bool Available() {
    return Shell("go version >/dev/null 2>&1") == 0 &&
           std::filesystem::exists("/usr/share/gocode/src/golang.org/x/mod/sumdb/note");
  }

  const std::filesystem::path& folder() const { return folder_.path(); }

  // A case by gocheck's kind and fields, what we say to it, and what to call it.
  void Add(const std::string& name, const std::string& kind, const std::vector<std::string>& fields,
           bool ours) {
    std::string line = kind;
    for (const std::string& field : fields) {
      line += " " + (field.empty() ? "-" : ToBase64(AsBytes(field)));
    }
    cases_.push_back(Case{name, line, ours});
  }

  // Runs all cases; fails where Go and we disagree. Returns how many both accept.
  size_t Judge() const {
    const std::string in = (folder() / "cases").string();
    const std::string out = (folder() / "verdicts").string();
    std::ofstream lines(in);
    for (const Case& one : cases_) lines << one.line << "\n";
    lines.close();
    const std::string run = "'" + Program() + "' <'" + in + "' >'" + out + "'";
    EXPECT_EQ(Shell(run), 0) << run;
    size_t accepted = 0;
    std::ifstream verdicts(out);
    for (const Case& one : cases_) {
      std::string verdict;
      EXPECT_TRUE(std::getline(verdicts, verdict)) << one.name;
      EXPECT_EQ(verdict == "ok", one.ours) << one.name << ": Go says " << verdict;
      if (verdict == "ok") ++accepted;
    }
    return accepted;
  }

 private:
  struct Case {
    std::string name;
    std::string line;
    bool ours = false;
  };

  // Runs a shell command; its exit status, or -1.
  static int Shell(const std::string& command) {
    const int status = std::system(command.c_str());
    return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // gocheck, built once by this process.
  static const std::string& Program() {
    static const TestFolder folder;
    static const std::string program = [] {
      std::string path = (folder.path() / "gocheck").string();
      const std::string build = "cd '" SOUK_SOURCE_DIR
                                "/tests/integration/gocheck' && GO111MODULE=off "
                                "GOPATH=/usr/share/gocode GOFLAGS= GOCACHE='" +
                                (folder.path() / "cache").string() + "' go build -o '" + path +
                                "' .";
      EXPECT_EQ(Shell(build), 0) << build;
      return path;
    }();
    return program;
  }

  TestFolder folder_;
  std::vector<Case> cases_;
};

}  // namespace souk::ledger
