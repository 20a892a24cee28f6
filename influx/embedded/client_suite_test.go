package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/embedded"
)

// leftOut are the tests of influxdb-client-go that cannot pass here; docs/conformance.md says why, and
// TestLeftOutIsWrittenDown holds the two together. Whatever is not named runs, a new version's new tests too.
var leftOut = []string{
	"TestPingV1", "TestHealthV1Compatibility", "TestWriteV1Compatibility", "TestQueryRawV1Compatibility", "TestQueryV1Compatibility",
	"TestV2APIAgainstV1Server",
	"TestHTTPService", "TestTasksAPI_CRUDTask", "TestTasksAPI_GetTasks", "TestTasksAPI_FindTasks", "TestTasksAPI_MembersOwners",
	"TestTasksAPI_Labels", "TestTasksAPI_Runs",
	"TestCreateGetDeleteThresholdCheck", "TestCreateGetDeleteDeadmanCheck", "TestUpdateThresholdCheck", "TestGetChecks",
	"TestLabelsAPI",
	"TestBucketsAPI_paging",
	"TestSignInOut",
}

const (
	clientModule = "github.com/influxdata/influxdb-client-go/v2"
	suiteFolder  = "../../tools/clientsuite"
)

// TestClientLibrarySuite runs the end-to-end tests of influxdb-client-go against this database: they were written for
// InfluxDB 2 by its makers. Each has to be seen to have passed; the exit code alone is not believed.
func TestClientLibrarySuite(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and runs another module's tests")
	}
	env := append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off",
		"INFLUXDB2_URL="+suiteServer(t), "INFLUXDB2_TOKEN=my-token", "INFLUXDB2_ONBOARDING_URL="+listen(t, open(t, t.TempDir())))
	for _, pkg := range suitePackages(t) {
		var run []string
		for _, name := range pkg.tests {
			if !slices.Contains(leftOut, name) {
				run = append(run, name)
			}
		}
		if len(run) == 0 {
			t.Errorf("nothing is left to run of %s", pkg.path)
			continue
		}
		t.Run(strings.TrimPrefix(pkg.path, "github.com/"), func(t *testing.T) {
			command := exec.CommandContext(t.Context(), "go", "test", "-json", "-tags", "e2e", "-vet=off", "-count=1", "-timeout", "5m",
				"-run", "^("+strings.Join(run, "|")+")$", pkg.path)
			command.Dir, command.Env = suiteFolder, env
			command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
			command.WaitDelay = 10 * time.Second
			out, err := command.CombinedOutput()
			result := readResults(t, out)
			for _, name := range run {
				if got := result.of[name]; got != "pass" {
					t.Errorf("%s: %q, want a pass", name, got)
				}
			}
			if err != nil || t.Failed() {
				t.Errorf("%s: %v\n%s", pkg.path, err, result.text)
			}
			t.Logf("%d tests of %s passed", len(run), pkg.path)
		})
	}
}

// TestLeftOutIsWrittenDown: the list is the document's, and names only tests that there are.
func TestLeftOutIsWrittenDown(t *testing.T) {
	text, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Tests of the client library")
	section, _, _ = strings.Cut(section, "\n## ")
	var written, known []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(cells[1], -1) {
			written = append(written, m[1])
		}
	}
	for _, pkg := range suitePackages(t) {
		known = append(known, pkg.tests...)
	}
	for _, name := range leftOut {
		if !slices.Contains(written, name) {
			t.Errorf("%s is left out, and docs/conformance.md does not say why", name)
		}
		if !slices.Contains(known, name) {
			t.Errorf("%s is left out, and the client library has no such test", name)
		}
	}
	for _, name := range written {
		if !slices.Contains(leftOut, name) {
			t.Errorf("docs/conformance.md says that %s is left out, and it runs", name)
		}
	}
}

// TestSuiteIsOfTheVersionInUse: what passes has to be what the program is built with.
func TestSuiteIsOfTheVersionInUse(t *testing.T) {
	version := regexp.MustCompile(regexp.QuoteMeta(clientModule) + ` (v\S+)`)
	var found []string
	for _, folder := range []string{"../..", suiteFolder} {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if m := version.FindSubmatch(text); m != nil {
			found = append(found, string(m[1]))
		}
	}
	if len(found) != 2 || found[0] != found[1] {
		t.Errorf("versions of the client library in go.mod and in tools/clientsuite/go.mod: %v", found)
	}
}

// suiteServer is set up as the suite expects it. The two further buckets stand for the system buckets that InfluxDB makes
// for its tasks: TestBucketsAPI wants to see three.
func suiteServer(t *testing.T) (url string) {
	t.Helper()
	s := open(t, t.TempDir())
	call(t, s, "", "POST", "/api/v2/setup", map[string]any{
		"username": "my-user", "password": "my-password", "org": "my-org", "bucket": "my-bucket", "token": "my-token",
	}).want(t, http.StatusCreated)
	c := client(s, "my-token")
	defer c.Close()
	org, err := c.OrganizationsAPI().FindOrganizationByName(t.Context(), "my-org")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"second", "third"} {
		if _, err := c.BucketsAPI().CreateBucketWithName(t.Context(), org, name); err != nil {
			t.Fatal(err)
		}
	}
	return listen(t, s)
}

// listen opens the database's API on a free port until the test ends.
func listen(t *testing.T, s *embedded.Server) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		<-ended
	})
	return "http://" + l.Addr().String()
}

type suitePackage struct {
	path  string
	tests []string
}

// suitePackages finds the end-to-end tests: those in files that the build tag e2e brings in.
func suitePackages(t *testing.T) (out []suitePackage) {
	t.Helper()
	plain, tagged := suiteFiles(t), suiteFiles(t, "-tags", "e2e")
	for path, files := range tagged {
		var tests []string
		for _, file := range files {
			if !slices.Contains(plain[path], file) {
				tests = append(tests, testsIn(t, file)...)
			}
		}
		if len(tests) > 0 {
			out = append(out, suitePackage{path, tests})
		}
	}
	slices.SortFunc(out, func(a, b suitePackage) int { return strings.Compare(a.path, b.path) })
	return out
}

// suiteFiles are the test files of the client library, by package.
func suiteFiles(t *testing.T, flags ...string) map[string][]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", slices.Concat([]string{"list"}, flags,
		[]string{"-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", clientModule + "/..."})...)
	command.Dir, command.Env = suiteFolder, append(os.Environ(), "GOWORK=off")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	text, err := command.Output()
	if err != nil {
		t.Fatalf("list the suite: %v\n%s", err, stderr.String())
	}
	out := map[string][]string{}
	for dec := json.NewDecoder(bytes.NewReader(text)); dec.More(); {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			out[p.ImportPath] = append(out[p.ImportPath], filepath.Join(p.Dir, name))
		}
	}
	return out
}

func testsIn(t *testing.T, file string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
			names = append(names, f.Name.Name)
		}
	}
	return names
}

type suiteResults struct {
	of   map[string]string // test to pass, fail or skip
	text string
}

// readResults reads the output of go test -json. What is no JSON, such as a compiler's complaint, is kept as text.
func readResults(t *testing.T, out []byte) suiteResults {
	t.Helper()
	r := suiteResults{of: map[string]string{}}
	var text strings.Builder
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			text.WriteString(lines.Text() + "\n")
			continue
		}
		switch e.Action {
		case "output", "build-output":
			text.WriteString(e.Output)
		case "pass", "fail", "skip":
			r.of[e.Test] = e.Action
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("read the output of go test: %v", err)
	}
	r.text = text.String()
	return r
}
