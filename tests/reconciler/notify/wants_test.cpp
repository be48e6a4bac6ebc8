#include <gtest/gtest.h>

#include "core/resource/event_type.hpp"
#include "reconciler/notify/webhook.hpp"

namespace croft::notify {
namespace {

NotificationRow said(std::string type, std::string subject, std::string tenant = "alice") {
  NotificationRow row;
  row.type = std::move(type);
  row.subject = std::move(subject);
  row.tenant = std::move(tenant);
  return row;
}

WebhookDeclaration of(std::string tenant) {
  WebhookDeclaration webhook;
  webhook.ref = {std::move(tenant), Kind::Webhook, "ops"};
  return webhook;
}

TEST(PatternTest, AStarStandsForAnythingButASlash) {
  EXPECT_TRUE(fits_pattern("croft.*", "croft.resource.ready"));
  EXPECT_TRUE(fits_pattern("*", "croft.resource.ready"));
  EXPECT_TRUE(fits_pattern("*.ready", "croft.resource.ready"));
  EXPECT_TRUE(fits_pattern("croft.*.re*y*", "croft.resource.ready"));
  EXPECT_TRUE(fits_pattern("Instance/*", "Instance/api"));
  EXPECT_FALSE(fits_pattern("*", "Instance/api"));
  EXPECT_FALSE(fits_pattern("*/api", "alice/Instance/api"));
  EXPECT_TRUE(fits_pattern("*/*/api", "alice/Instance/api"));
  EXPECT_FALSE(fits_pattern("croft.resource", "croft.resource.ready"));
  EXPECT_FALSE(fits_pattern("", "x"));
  EXPECT_TRUE(fits_pattern("a*b*c", "aXbXbXc"));
}

TEST(WantsTest, ATenantHearsOfItsOwnOnlyAndTheOperatorOfAll) {
  const NotificationRow ready = said("croft.resource.ready", "alice/Site/blog");
  EXPECT_TRUE(wants(of("alice"), ready));
  EXPECT_FALSE(wants(of("bob"), ready));
  EXPECT_TRUE(wants(of(""), ready));
  EXPECT_FALSE(wants(of("alice"), said("croft.revision.applied", "platform", "")));
}

TEST(WantsTest, PatternsOfResourcesAreLocalOrWhole) {
  WebhookDeclaration webhook = of("");
  webhook.resources = {"Instance/*", "bob/Site/blog"};
  EXPECT_TRUE(wants(webhook, said("croft.resource.ready", "alice/Instance/api")));
  EXPECT_FALSE(wants(webhook, said("croft.resource.ready", "alice/Site/blog")));
  EXPECT_TRUE(wants(webhook, said("croft.resource.ready", "bob/Site/blog", "bob")));
  EXPECT_TRUE(wants(webhook, said("croft.revision.applied", "alice/main"))) << "of no resource";
}

}  // namespace
}  // namespace croft::notify
