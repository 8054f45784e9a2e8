# How pongwatch itself fares, and the pings as Cloud Monitoring keeps them. Its own
# dashboard, which Metrics serves, says more about the databases.
locals {
  tiles = [
    {
      title = "Pings by outcome"
      sets  = [{ filter = "metric.type=\"${local.metric_prefix}/probes\" resource.type=\"cloud_run_revision\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", group_by = ["metric.label.status"], type = "STACKED_BAR" }]
    },
    {
      title = "Latency, first byte (ms)"
      sets = [
        { filter = "metric.type=\"${local.metric_prefix}/latency\" resource.type=\"cloud_run_revision\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_50", group_by = local.per_database ? ["metric.label.database"] : ["metric.label.shard"], type = "LINE" },
        { filter = "metric.type=\"${local.metric_prefix}/latency\" resource.type=\"cloud_run_revision\"", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_95", group_by = local.per_database ? ["metric.label.database"] : ["metric.label.shard"], type = "LINE" },
      ]
    },
    {
      title = "Oldest message for Alert (s)"
      sets  = [{ filter = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" resource.type=\"pubsub_subscription\" resource.label.subscription_id=one_of(${local.quoted_subscriptions})", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", group_by = ["resource.label.subscription_id"], type = "LINE" }]
    },
    {
      title = "Dead letters"
      sets  = [{ filter = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" resource.type=\"pubsub_subscription\" resource.label.subscription_id=\"${var.prefix}-dead-letters\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", group_by = [], type = "LINE" }]
    },
    {
      title = "Requests by function and status"
      sets  = [{ filter = "metric.type=\"run.googleapis.com/request_count\" resource.type=\"cloud_run_revision\" resource.label.service_name=one_of(${local.quoted_services})", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", group_by = ["resource.label.service_name", "metric.label.response_code_class"], type = "STACKED_BAR" }]
    },
    {
      title = "Instances"
      sets  = [{ filter = "metric.type=\"run.googleapis.com/container/instance_count\" resource.type=\"cloud_run_revision\" resource.label.service_name=one_of(${local.quoted_services})", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", group_by = ["resource.label.service_name"], type = "LINE" }]
    },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project
  dashboard_json = jsonencode({
    displayName = var.prefix
    mosaicLayout = {
      columns = 12
      tiles = [for index, tile in local.tiles : {
        xPos   = index % 2 * 6
        yPos   = floor(index / 2) * 4
        width  = 6
        height = 4
        widget = {
          title = tile.title
          xyChart = {
            dataSets = [for set in tile.sets : {
              plotType = set.type
              timeSeriesQuery = {
                timeSeriesFilter = {
                  filter = set.filter
                  aggregation = {
                    alignmentPeriod    = "60s"
                    perSeriesAligner   = set.aligner
                    crossSeriesReducer = set.reducer
                    groupByFields      = set.group_by
                  }
                }
              }
            }]
          }
        }
      }]
    }
  })

  depends_on = [
    google_logging_metric.latency,
    google_logging_metric.probes,
  ]
}
