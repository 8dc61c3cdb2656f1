package observe

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// Namespace begins the name of every metric of ours.
const Namespace = "switchboard"

// Name joins the words of a metric's name below the namespace: Name("rooms")
// is "switchboard_rooms". The last word of a counter is "total"; a unit stands
// before it, in seconds, bytes or the plural of what is counted.
func Name(words ...string) string {
	return Namespace + "_" + strings.Join(words, "_")
}

// NewRegistry makes the registry of one server: with the metrics of the Go
// runtime and the process, and the version as switchboard_build_info.
func NewRegistry(version string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        Name("build", "info"),
		Help:        "Always 1; the labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	})
	build.Set(1)
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build,
	)
	return registry
}

var (
	metricName = regexp.MustCompile(`^switchboard(_[a-z0-9]+)+$`)
	labelName  = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	foreign    = regexp.MustCompile(`^(go|process)_`) // of the collectors above
)

// CheckNames says which metrics of a registry are badly named: outside the
// namespace, a counter without "total", another with it, or without a help text.
// It is for tests of whoever registers metrics.
func CheckNames(registry prometheus.Gatherer) error {
	families, err := registry.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	var wrong []error
	for _, family := range families {
		if !foreign.MatchString(family.GetName()) {
			wrong = append(wrong, checkFamily(family))
		}
	}
	return errors.Join(wrong...)
}

func checkFamily(family *dto.MetricFamily) error {
	name := family.GetName()
	counter := family.GetType() == dto.MetricType_COUNTER
	switch {
	case !metricName.MatchString(name):
		return fmt.Errorf("metric %s: not switchboard_… in lower case", name)
	case counter && !strings.HasSuffix(name, "_total"):
		return fmt.Errorf("metric %s: a counter ends with _total", name)
	case !counter && strings.HasSuffix(name, "_total"):
		return fmt.Errorf("metric %s: only a counter ends with _total", name)
	case family.GetHelp() == "":
		return fmt.Errorf("metric %s: no help text", name)
	}
	for _, metric := range family.GetMetric() {
		for _, label := range metric.GetLabel() {
			if !labelName.MatchString(label.GetName()) {
				return fmt.Errorf("metric %s: label %q is not in lower case", name, label.GetName())
			}
		}
	}
	return nil
}
