// Test vectors of the formats that others published, as data.
#pragma once

#include <string>
#include <vector>

namespace souk::ledger::vectors {

inline const std::string kDash = "\xe2\x80\x94 ";

// golang.org/x/mod/sumdb/note, its tests and its documentation: one text, two signers.
inline const std::string kPeterVkey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
// The seed inside PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALV…, without its type byte.
inline const std::string kPeterSeedHex =
    "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173";
inline const std::string kEnochVkey =
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
inline const std::string kNoteText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
inline const std::string kPeterLine =
    kDash +
    "PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
inline const std::string kEnochLine = kDash +
                                      "EnochRoot "
                                      "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/"
                                      "5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

// golang.org/x/mod/sumdb/tlog: the leaf "hello world" as root of a tree head.
inline const std::string kGoTree =
    "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n";

// c2sp.org/tlog-checkpoint and c2sp.org/tlog-cosignature: their examples, whose keys are not
// public.
inline const std::string kSofaText =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
inline const std::string kSofaLine = kDash +
                                     "example.com/behind-the-sofa "
                                     "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
                                     "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
inline const std::string kSofaOtherLine = kDash +
                                          "example.com/behind-the-sofa "
                                          "opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks"
                                          "+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
inline const std::string kSofaWitnessLine =
    kDash +
    "witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/"
    "zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
inline constexpr unsigned long long kSofaWitnessTime = 1679315147;

// c2sp.org/tlog-witness: the examples of a request's and an answer's body.
inline const std::string kSofaRequest =
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n" +
    kSofaText + "\n" + kSofaLine + kSofaOtherLine;
inline const std::string kWitnessAnswer =
    kDash +
    "witness.example/w1 "
    "CMp+6LWBU0anHGH5aNDTJkH/"
    "gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n" +
    kDash +
    "witness.example/w1 "
    "I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+"
    "UfzuOBMh9ChdMkP1vi/lCAsmlw==\n" +
    kDash +
    "witness.example/w2 "
    "AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/"
    "kWl7oJlqU3rXXvpysAdyP3wQ==\n";

// A checkpoint of the public log arche2025h1 (staging) with the cosignatures of four public
// witnesses, and their keys. Its first line, of type 05, is one that we do not know.
inline const std::string kArcheVkey =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
inline const std::vector<std::string> kArcheWitnesses = {
    "transparency.dev/DEV:witness-little-garden+d8042a87+"
    "BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
};
inline constexpr unsigned long long kArcheTime = 1779573024;
inline const std::string kArcheNote =
    "arche2025h1.staging.ct.transparency.dev\n"
    "1432088532\n"
    "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n"
    "\n" +
    kDash +
    "arche2025h1.staging.ct.transparency.dev "
    "zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFb"
    "on"
    "5Ch9MNL5zRNZ55lvGt0=\n" +
    kDash +
    "arche2025h1.staging.ct.transparency.dev "
    "ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/"
    "27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n" +
    kDash +
    "transparency.dev/DEV:witness-little-garden "
    "2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/"
    "KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==\n" +
    kDash +
    "witness1.smartit.nu/witness1 "
    "pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/"
    "iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==\n" +
    kDash +
    "remora.n621.de "
    "2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/"
    "KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n" +
    kDash +
    "witness.stagemole.eu "
    "Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+"
    "AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==\n";

// The requests of litewitness's test of a race (filippo.io/torchwood, internal/witness): a log that
// grows from 1 to 3 or to 5 entries, and its key.
inline const std::string kRaceOrigin =
    "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
inline const std::string kRaceKeyHex =
    "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f";
inline const std::string kRaceTo1 = "old 0\n\n" + kRaceOrigin +
                                    "\n1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" +
                                    kDash + kRaceOrigin +
                                    " UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+"
                                    "YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=\n";
inline const std::string kRaceTo3 =
    "old 1\n"
    "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "\n" +
    kRaceOrigin + "\n3\nRcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=\n\n" + kDash + kRaceOrigin +
    " UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/"
    "GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=\n";
inline const std::string kRaceTo5 =
    "old 1\n"
    "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=\n"
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "\n" +
    kRaceOrigin + "\n5\nQrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=\n\n" + kDash + kRaceOrigin +
    " UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/"
    "ASRcWJi0tW90dJWAShei7sDww=\n";

}  // namespace souk::ledger::vectors
