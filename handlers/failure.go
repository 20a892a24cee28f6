package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/ledger"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
	"iotcenter/telemetry/smart"
)

// failureOf is the one table from errors to answers. unsafe tells that the request was to change something.
func failureOf(err error, f face, unsafe bool) failure {
	var (
		own     *problem
		badID   *devices.InvalidIDError
		onwards *devices.ID
		tooBig  *http.MaxBytesError
		write   *telemetry.WriteError
		query   *telemetry.QueryError
		invalid *people.InvalidError
		tooMany *people.TooManyError
		badKey  *devices.InvalidKeyError
		profile *devices.InvalidProfileError
		inUse   *devices.InUseError
		batch   *smart.BadRequestError
		value   *helium.ParameterError
	)
	if d := (*deviceError)(nil); errors.As(err, &d) {
		onwards = &d.ID
	}
	errors.As(err, &write)
	is := func(target error) bool { return errors.Is(err, target) }

	switch {
	case f == faceHelium && is(errNoSuchAddress):
		return failure{Status: http.StatusNotFound, Code: "not_found", Message: "Requested resource not found", Quiet: true}
	case f == faceHelium && is(devices.ErrNotFound):
		return failure{Status: http.StatusNotFound, Code: "not_found", Message: "Sensor not found", Quiet: true}
	case errors.As(err, &own):
		return failure{Status: own.Status, Code: own.Code, Message: own.Message, Field: own.Field, RetryAfter: own.RetryAfter, Quiet: own.Status < 500}
	case errors.As(err, &badID), is(devices.ErrInvalidID):
		out := failure{Status: http.StatusBadRequest, Code: "invalid_id", Title: "That is no device id", Message: "That is no device id.", Field: "id", Quiet: true}
		if badID != nil {
			out.Message = badID.Problem
		}
		if f == facePage {
			out.Status = http.StatusNotFound // an address that can name no device
			if unsafe {
				out.Status = http.StatusUnprocessableEntity
			}
		}
		return out
	case errors.As(err, &batch):
		return failure{Status: http.StatusBadRequest, Code: "invalid", Message: sentence(batch), Field: batch.Where, Quiet: true}
	case is(smart.ErrTooLarge):
		return failure{Status: http.StatusBadRequest, Code: "too_large", Message: "The answer is too large; ask for a shorter time, for fewer fields, or with a limit.", Quiet: true}
	case errors.As(err, &value):
		return failure{Status: http.StatusBadRequest, Code: "invalid", Message: sentence(value), Field: value.Parameter, Quiet: true}
	case is(helium.ErrNoSuchPoint):
		return failure{Status: http.StatusNotFound, Code: "not_found", Message: "Requested resource not found", Field: "page[id]", Quiet: true}
	case is(helium.ErrFull):
		return failure{Status: http.StatusTooManyRequests, Code: "too_many_requests", Message: "This sensor has a thousand points at this time already.", RetryAfter: time.Second, Quiet: true}
	case errors.As(err, &profile):
		out := failure{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: profile.Problem, Field: profile.Field, Quiet: true}
		if f == faceSmart || f == faceHelium {
			out.Status = http.StatusBadRequest
		}
		return out
	case is(devices.ErrNoSuchType):
		return failure{Status: http.StatusNotFound, Code: "not_found", Message: "There is no product type of this name.", Field: "product_type", Quiet: true}
	case is(devices.ErrNoSuchLabel):
		return failure{Status: http.StatusNotFound, Code: "not_found", Message: "Label not found", Quiet: true}
	case errors.As(err, &inUse):
		return failure{Status: http.StatusConflict, Code: "in_use", Message: "It is in use, so it cannot be removed. " + sentence(inUse), Quiet: true}
	case is(devices.ErrTooMany):
		return failure{Status: http.StatusConflict, Code: "too_many", Message: "There are as many of these as there can be.", Quiet: true}
	case f == faceSmart && (is(telemetry.ErrForeignTag) || is(telemetry.ErrMalformed) || is(telemetry.ErrRejected)):
		return refusedBatch(err)
	case f == faceSmart && is(telemetry.ErrUnauthorized):
		return failure{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: defaultRetry,
			Message: "The database does not take the token that the points are written with. Rotating the token of the device helps where it is only its own."}
	case is(context.Canceled):
		return failure{Status: statusClientGone, Code: "client_gone", Message: "The request was cancelled.", Quiet: true}
	case errors.As(err, &tooBig):
		return failure{Status: http.StatusRequestEntityTooLarge, Code: "too_large",
			Message: fmt.Sprintf("The request is larger than %s.", bytesForPeople(tooBig.Limit)), Quiet: true}
	case is(telemetry.ErrForeignTag):
		return failure{Status: http.StatusForbidden, Code: "forbidden", Message: sentence(err), Quiet: true}
	case is(telemetry.ErrMalformed):
		return failure{Status: http.StatusBadRequest, Code: "invalid", Message: sentence(err), Quiet: true}
	case is(telemetry.ErrRejected):
		return failure{Status: http.StatusUnprocessableEntity, Code: "unprocessable_entity", Message: sentence(err), Quiet: true}
	case is(telemetry.ErrUnauthorized):
		return failure{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "unauthorized access", Quiet: true}
	case is(devices.ErrNotFound):
		out := failure{Status: http.StatusNotFound, Code: "not_found", Title: "No such device", Message: "Device not found!", Field: "id", Quiet: true}
		switch {
		case onwards != nil && f == faceSmart:
			out.Message = fmt.Sprintf("Product %s not found.", *onwards)
		case onwards != nil:
			out.Message = fmt.Sprintf("Device %s not found!", *onwards)
		}
		return out
	case is(telemetry.ErrBadQuery):
		out := failure{Status: http.StatusBadRequest, Code: "bad_query", Message: sentence(err), Quiet: true}
		if errors.As(err, &query) {
			out.Field, out.Message = query.Parameter, sentence(query)
		}
		return out
	case is(telemetry.ErrBucketNotFound):
		return failure{Status: http.StatusNotFound, Code: "not_found", Title: "No such bucket", Message: "Bucket not found!", Quiet: true}
	case is(telemetry.ErrBucketExists):
		return failure{Status: http.StatusConflict, Code: "conflict", Message: "A bucket of this name exists already.", Field: "name", Quiet: true}
	case is(telemetry.ErrInvalidBucket):
		return failure{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: sentence(err), Field: "name", Quiet: true}
	case is(emulator.ErrRunning):
		return failure{Status: http.StatusConflict, Code: "running", Message: "Missing data of this device are being written already.", Quiet: true}
	case is(emulator.ErrClosed):
		return failure{Status: http.StatusServiceUnavailable, Code: "stopping", Message: "The app is being stopped. Please try again in a moment.", RetryAfter: defaultRetry, Quiet: true}
	case is(devices.ErrWrongKey):
		return failure{Status: http.StatusInternalServerError, Code: "wrong_key", Title: "Another SECRET_KEY",
			Message: "This device's token was sealed with another SECRET_KEY; remove the device and register it again, or start the app with the former key."}
	case errors.As(err, &invalid):
		return failure{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: invalid.Problem, Field: invalid.Field, Quiet: true}
	case errors.As(err, &badKey):
		return failure{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: badKey.Problem, Field: badKey.Field, Quiet: true}
	case errors.As(err, &tooMany):
		return failure{Status: http.StatusTooManyRequests, Code: "too_many_requests", Title: "Too many attempts", RetryAfter: tooMany.RetryAfter, Quiet: true,
			Message: "There were too many failures. Try again in " + waitForPeople(tooMany.RetryAfter) + "."}
	case is(people.ErrBusy):
		return failure{Status: http.StatusServiceUnavailable, Code: "busy", Message: "Too many people are signing in. Please try again in a moment.", RetryAfter: time.Second, Quiet: true}
	case is(people.ErrRefused):
		return failure{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "User name or password is wrong.", Quiet: true}
	case is(people.ErrNotFound):
		return failure{Status: http.StatusNotFound, Code: "not_found", Message: "There is nothing of this name.", Quiet: true}
	case is(people.ErrExists):
		return failure{Status: http.StatusConflict, Code: "conflict", Message: "The name is taken.", Quiet: true}
	case is(people.ErrLastAdmin):
		return failure{Status: http.StatusConflict, Code: "last_admin", Message: "This is the last admin: somebody has to manage people.", Quiet: true}
	case is(devices.ErrSuspended):
		out := failure{Status: http.StatusForbidden, Code: "suspended", Title: "The device is suspended", Message: "The device is suspended.", Quiet: true}
		if onwards != nil {
			out.Message = fmt.Sprintf("Device %s is suspended.", *onwards)
			if f == faceSmart {
				out.Message = fmt.Sprintf("Product %s is suspended.", *onwards)
			}
		}
		return out
	case is(devices.ErrNotEnrolled):
		return failure{Status: http.StatusForbidden, Code: "not_enrolled", Message: notEnrolled, Quiet: true}
	case is(ledger.ErrNotLoaded):
		return failure{Status: http.StatusServiceUnavailable, Code: "unavailable", Title: "The database cannot be reached",
			Message: "The database has not answered yet, so nobody is known. Please try again in a moment.", RetryAfter: defaultRetry}
	case is(telemetry.ErrTooSlow):
		return failure{Status: http.StatusServiceUnavailable, Code: "too_slow", Title: "The query took too long",
			Message: "The query took too long. Ask for less, or again when there is less to do.", RetryAfter: defaultRetry}
	case is(devices.ErrUnavailable), is(context.DeadlineExceeded):
		out := failure{Status: http.StatusServiceUnavailable, Code: "unavailable", Title: "The database cannot be reached",
			Message: "The database cannot be reached right now. Please try again in a moment.", RetryAfter: defaultRetry}
		if write != nil {
			if write.Status == http.StatusTooManyRequests {
				out.Status, out.Code = write.Status, "too_many_requests"
			}
			if write.RetryAfter > 0 {
				out.RetryAfter = write.RetryAfter
			}
		}
		return out
	default:
		return failure{Status: http.StatusInternalServerError, Code: "internal",
			Message: "Something went wrong on our side. The request id helps to find it in the log."}
	}
}

// refusedBatch is the answer of the SMART dialect to points that can never be written. The lines that an error may count are
// the app's own, so they are not told.
func refusedBatch(err error) failure {
	message := sentence(err)
	var line *telemetry.LineError
	if errors.As(err, &line) {
		message = cut("One of the points cannot be written: "+line.Problem, 500) + "."
	}
	return failure{Status: http.StatusBadRequest, Code: "invalid", Message: message, Quiet: true}
}
