// Runs Souk's own programs as people do.
#pragma once

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "test_folder.h"

namespace souk::tools {

inline const std::string kWorkloads = SOUK_SOURCE_DIR "/workloads/";

inline std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Ran {
  int code = -1;
  std::string out = {};
  std::string err = {};
};

// `line` is a shell command line whose first word is a program of this build. Without a terminal,
// in an empty folder of its own unless `folder` is given.
inline Ran RunProgram(const std::string& line, const std::filesystem::path& folder = {}) {
  const TestFolder own;
  const std::filesystem::path in = folder.empty() ? own.path() : folder;
  const std::string out = own / "stdout";
  const std::string err = own / "stderr";
  const std::string command = "cd '" + in.string() +
                              "' && PATH='" SOUK_BINARY_DIR "/bin':\"$PATH\" TZ=UTC " + line +
                              " >'" + out + "' 2>'" + err + "' </dev/null";
  const int status = std::system(command.c_str());
  Ran ran;
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  ran.out = ReadAll(out);
  ran.err = ReadAll(err);
  return ran;
}

// What `line` shows on a terminal of so many columns: of a line that is drawn anew what stays, and
// no escapes.
inline std::string RunInTerminal(const std::string& line, const std::filesystem::path& folder,
                                 uint16_t columns) {
  winsize size = {};
  size.ws_row = 24;
  size.ws_col = columns;
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    const std::string command =
        "cd '" + folder.string() + "' && PATH='" SOUK_BINARY_DIR "/bin':\"$PATH\" " + line;
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  std::string shown;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(terminal, piece, sizeof(piece))) > 0;) {
    for (const char c : std::string_view(piece, static_cast<size_t>(got))) {
      if (c == '\r') continue;
      shown += c;
      // Each drawing begins by taking the line away.
      if (shown.ends_with("\x1b[K")) {
        shown.resize(shown.find_last_of('\n') + 1);
      } else if (c == 'm' && shown.find('\x1b') != shown.npos) {
        shown.resize(shown.find('\x1b'));
      }
    }
  }
  ::close(terminal);
  ::waitpid(child, nullptr, 0);
  return shown;
}

// Errors are one line that begins with the program's name.
inline testing::AssertionResult IsOneLine(const std::string& text, const std::string& program) {
  const bool one = !text.empty() && text.find('\n') == text.size() - 1;
  if (one && text.rfind(program + ": ", 0) == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "not one line of " << program << ": " << text;
}

// Columns of the widest line.
inline size_t WidestLine(const std::string& text) {
  size_t widest = 0;
  size_t width = 0;
  for (const char c : text) {
    const bool goes_on = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    width = c == '\n' ? 0 : width + (goes_on ? 0 : 1);
    widest = std::max(widest, width);
  }
  return widest;
}

}  // namespace souk::tools
