//! `bench`.

use super::*;

#[test]
fn bench_matvec_measures_every_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let args = ["bench", "matvec", "--min-log", "5", "--max-log", "6", "--samples", "2", "--html", "report.html"];
    let printed = document(at, &[&args[..], &["--json-file", "rows.json"]].concat());
    assert_eq!(names(at), ["report.html", "rows.json"]);
    let kept: Value = serde_json::from_slice(&bytes(at, "rows.json")).unwrap();
    assert_eq!(kept, printed);
    let rows = printed["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 16);
    for row in rows {
        assert_eq!(row["valid"], true);
        for key in ["prove_s", "prove_s_min", "open_s", "prove_with_opening_s", "verify_s", "commit_s"] {
            assert!(row[key].as_f64().unwrap() > 0.0, "{key}: {row}");
        }
        let (claim, opened) = (row["proof_bytes"].as_u64().unwrap(), row["proof_with_opening_bytes"].as_u64().unwrap());
        // An opening sends a row and seven words.
        assert_eq!(opened - claim, 32 * ((1 << row["log"].as_u64().unwrap()) + 7), "{row}");
    }
    let gates = |name: &str| rows.iter().find(|r| r["configuration"] == name && r["log"] == 6).unwrap()["gates"].clone();
    assert_eq!(gates("gkr-dense"), serde_json::json!([4096, 2 * (4096 - 64)]));
    assert_eq!(gates("gkr-sparse")[0], 64 * 4);
    let ratios = printed["comparisons"].as_array().unwrap();
    assert!(ratios.iter().any(|c| c["what"].as_str().unwrap().starts_with("gkr-dense / ternary-1/16")));
    let html = String::from_utf8(bytes(at, "report.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("gkr-dense") && !html.contains("http") && !html.contains("src="));
}

#[test]
fn bench_mlp_and_stages_give_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let args = ["bench", "mlp", "--hidden", "16,8x8", "--count", "1,3", "--density", "0.5", "--samples", "2"];
    let mlp = document(at, &args);
    let rows = mlp["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        for key in ["commit_s", "prove_s", "verify_s", "floor_s", "proof_bytes", "key_bytes", "nnz"] {
            assert!(row[key].as_f64().unwrap() > 0.0, "{key}: {row}");
        }
        let stages: f64 = row["stages"].as_object().unwrap().values().map(|v| v.as_f64().unwrap()).sum();
        assert!(stages <= 1.01 * row["prove_s_max"].as_f64().unwrap(), "{row}");
    }
    let args =
        ["bench", "stages", "--log-size", "8", "--samples", "1", "--device", "cpu,reference", "--json-file", "s.json"];
    succeed(at, &args);
    let stages: Value = serde_json::from_slice(&bytes(at, "s.json")).unwrap();
    let rows = stages["rows"].as_array().unwrap();
    let of = |device: &str| rows.iter().filter(|r| r["device"].as_str().unwrap().starts_with(device)).count();
    assert!(of("cpu") > 25 && of("cpu") == of("reference"), "{} {}", of("cpu"), of("reference"));
}

#[test]
fn bench_aggregate_compares_many_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let args = ["bench", "aggregate", "--hidden", "16", "--leaves", "3", "--largest", "20", "--samples", "1"];
    let printed = document(at, &[&args[..], &["--html", "report.html"]].concat());
    let rows = printed["rows"].as_array().unwrap();
    let inputs: Vec<_> = rows.iter().map(|r| r["inputs"].as_u64().unwrap()).collect();
    assert_eq!(inputs, [1, 16, 20, 3, 3]);
    let size = |r: &Value| r["word_bytes"].as_u64().unwrap();
    assert!(size(&rows[4]) < size(&rows[3]), "one opening in place of three");
    assert_eq!(printed["comparisons"].as_array().unwrap().len(), 6);
    let html = String::from_utf8(bytes(at, "report.html")).unwrap();
    assert!(html.contains("Many inferences") && html.contains("aggregated"));
}

#[test]
fn bench_refuses_before_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let suite = fail(at, 2, &["bench", "gkr", "--json-file", "rows.json"]);
    assert!(suite.contains("matvec, mlp, aggregate, stages, all"), "{suite}");
    assert!(fail(at, 2, &["bench", "matvec", "--only", "gkr"]).contains("gkr-dense"));
    for args in [
        &["bench", "matvec", "--samples", "0"][..],
        &["bench", "matvec", "--min-log", "9", "--max-log", "8"],
        &["bench", "mlp", "--hidden", "12,x"],
        &["bench", "mlp", "--count", "0"],
        &["bench", "mlp", "--density", "2"],
        &["bench", "stages", "--log-size", "60"],
        &["bench", "stages", "--device", "cpu,quantum"],
        &["bench", "mlp", "--json-file", "a", "--html", "a"],
    ] {
        fail(at, 2, args);
    }
    #[cfg(target_os = "linux")]
    {
        let memory = fail(at, 3, &["bench", "matvec", "--max-log", "15", "--only", "gkr-dense"]);
        assert!(memory.contains("needs about") && memory.contains("--max-log"), "{memory}");
    }
    assert!(names(at).is_empty());
}

#[cfg(unix)]
#[test]
fn an_interrupted_bench_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let args = ["bench", "stages", "--log-size", "10", "--samples", "1000", "--json-file", "rows.json"];
    let mut child =
        Command::new(PROGRAM).args(args).current_dir(at).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let since = std::time::Instant::now();
    while !at.join("rows.json").exists() {
        assert!(since.elapsed().as_secs() < 60, "no row after a minute");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let kept: Value = serde_json::from_slice(&bytes(at, "rows.json")).unwrap();
    assert!(!kept["rows"].as_array().unwrap().is_empty());
    assert_eq!(names(at), ["rows.json"]);
}
